from __future__ import annotations

from dataclasses import replace

import pytest

from bocage_console.gate.rate import Limiter
from bocage_console.gate.unlock import Asking, Verdict, judge

ASKING = Asking(
    is_active=True,
    boot="b" * 32,
    last_boot="a" * 32,
    is_at_home=True,
    is_doubled=False,
    allowed_boot=None,
)

CASES = [
    ({}, Verdict.GRANTED),
    ({"last_boot": None}, Verdict.GRANTED),
    ({"is_active": False}, Verdict.FENCED),
    ({"last_boot": "b" * 32}, Verdict.ALREADY_THIS_BOOT),
    ({"is_at_home": False}, Verdict.ELSEWHERE),
    ({"is_at_home": False, "allowed_boot": "b" * 32}, Verdict.GRANTED),
    ({"is_at_home": False, "allowed_boot": "a" * 32}, Verdict.ELSEWHERE),
    ({"last_boot": "b" * 32, "allowed_boot": "b" * 32}, Verdict.GRANTED),
    ({"is_doubled": True}, Verdict.DOUBLED),
    ({"is_doubled": True, "allowed_boot": "b" * 32}, Verdict.DOUBLED),
    ({"is_active": False, "allowed_boot": "b" * 32}, Verdict.FENCED),
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_the_rules(changes: dict[str, object], expected: Verdict) -> None:
    assert judge(replace(ASKING, **changes)) is expected  # type: ignore[arg-type]


def test_a_guesser_is_slowed_down_and_nobody_else() -> None:
    limiter = Limiter(burst=3, per_minute=6)
    assert [limiter.may_try("x", 100.0) for _ in range(4)] == [True, True, True, False]
    assert limiter.may_try("y", 100.0)
    assert not limiter.may_try("x", 109.0)
    assert limiter.may_try("x", 110.0)
    assert not limiter.may_try("x", 110.0)


def test_many_addresses_do_not_fill_the_memory() -> None:
    limiter = Limiter(burst=1, per_minute=1)
    for number in range(20_000):
        limiter.may_try(str(number), 0.0)
    assert len(limiter._left) <= 10_000
