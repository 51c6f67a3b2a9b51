"""Windows and caps to come, against a look at every minute."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage_contract.capacity import CapWindow, mbit_at
from bocage_contract.convention.model import Convention
from bocage_edge.exam.arrival import Stretch, arrivals
from bocage_edge.relay.road_ahead import Rules, stretches
from bocage_edge.relay.windows import agreed_caps, is_open_at
from tests.edge.relay.test_windows import NIGHT, convention, instant

MEGABYTE = 1_000_000.0
DAY_MIN = 1440


def rules(versions: list[Convention], *caps: tuple[str, str, int]) -> Rules:
    found = [CapWindow.of({"from": start, "to": end, "mbit": mbit}) for start, end, mbit in caps]
    return Rules(versions, found, "Europe/Paris")


def test_the_least_cap_and_the_window_hold() -> None:
    agreed = convention(
        routine=[{"from": "20:00", "to": "06:00"}],
        cap_mbit=[{"from": "08:00", "to": "18:00", "mbit": 4}],
    )
    found = list(
        stretches(rules([agreed], ("12:00", "13:00", 2)), MEGABYTE, instant("2026-11-24T07:00"))
    )
    assert found[:6] == [
        Stretch(instant("2026-11-24T07:00"), MEGABYTE, is_open=False),
        Stretch(instant("2026-11-24T08:00"), 500_000.0, is_open=False),
        Stretch(instant("2026-11-24T12:00"), 250_000.0, is_open=False),
        Stretch(instant("2026-11-24T13:00"), 500_000.0, is_open=False),
        Stretch(instant("2026-11-24T18:00"), MEGABYTE, is_open=False),
        Stretch(instant("2026-11-24T20:00"), MEGABYTE, is_open=True),
    ]


def test_a_cap_above_the_measured_speed_makes_nothing_faster() -> None:
    found = list(
        stretches(rules([], ("08:00", "18:00", 1000)), MEGABYTE, instant("2026-11-24T07:00"))
    )
    assert found == [Stretch(instant("2026-11-24T07:00"), MEGABYTE)]


def test_the_version_that_governs_the_day_counts() -> None:
    until = convention(routine=NIGHT).model_copy(update={"valid_until": instant_day("2026-11-24")})
    following = convention(version=2, routine="always").model_copy(
        update={"valid_from": instant_day("2026-11-25")}
    )
    found = list(stretches(rules([until, following]), MEGABYTE, instant("2026-11-24T12:00")))
    assert [(each.start, each.is_open) for each in found[:2]] == [
        (instant("2026-11-24T12:00"), False),
        (instant("2026-11-24T20:00"), True),
    ]


def instant_day(text: str) -> Any:
    """A date, as the model keeps it."""
    return convention().valid_from.fromisoformat(text)


_TIMES = st.sampled_from(["00:00", "01:30", "02:00", "02:30", "03:00", "08:00", "12:15", "23:59"])
_CAPS = st.lists(st.tuples(_TIMES, _TIMES, st.integers(1, 20)), max_size=2)
_WINDOWS = st.lists(
    st.fixed_dictionaries(
        {"days": st.sampled_from(["mon-sun", "sat-sun", "tue"]), "from": _TIMES, "to": _TIMES}
    ),
    min_size=1,
    max_size=2,
)


@settings(max_examples=40, deadline=None)
@given(
    windows=st.just("always") | _WINDOWS,
    agreed=_CAPS,
    own=_CAPS,
    day=st.sampled_from(["2026-03-28", "2026-10-24", "2026-11-24", "2026-12-30"]),
    begin=st.integers(0, DAY_MIN - 1),
    megabytes=st.lists(st.integers(1, 900), min_size=1, max_size=4),
    urgent=st.integers(0, 900),
)
def test_it_is_what_a_look_at_every_minute_finds(
    windows: Any,
    agreed: list[tuple[str, str, int]],
    own: list[tuple[str, str, int]],
    day: str,
    begin: int,
    megabytes: list[int],
    urgent: int,
) -> None:
    """Two days with a change of the clocks in them, or the end of the agreement."""
    caps = [{"from": start, "to": end, "mbit": mbit} for start, end, mbit in agreed]
    ruled = rules([convention(routine=windows, cap_mbit=caps)], *own)
    now = instant(f"{day}T00:00") + begin * 60
    quick = arrivals(
        urgent * MEGABYTE,
        [each * MEGABYTE for each in megabytes],
        stretches(ruled, MEGABYTE, now),
        now,
    )
    slow = by_the_minute(ruled, urgent, megabytes, now)
    for one, other in zip(quick, slow, strict=True):
        if other is None:
            assert one >= now + 2 * DAY_MIN * 60 - 1
        else:
            assert other - 1 <= one <= other + 61


def by_the_minute(
    ruled: Rules, urgent_mb: int, megabytes: list[int], now: float
) -> list[float | None]:
    """The minute in which each exam's last byte goes, within two days."""
    urgent, left = urgent_mb * MEGABYTE, [each * MEGABYTE for each in megabytes]
    found: list[float | None] = []
    for minute in range(2 * DAY_MIN):
        at = now + minute * 60
        budget = 60 * speed(ruled, at)
        taken = min(urgent, budget)
        urgent, budget = urgent - taken, budget - taken
        while left and budget > 0 and is_open_at(ruled.versions, at):
            taken = min(left[0], budget)
            left[0], budget = left[0] - taken, budget - taken
            if left[0] > 1e-3:
                break
            left.pop(0)
            found.append(at)
    return [*found, *[None] * len(left)]


def speed(ruled: Rules, at: float) -> float:
    """Bytes a second at an instant."""
    agreed, zone = agreed_caps(ruled.versions, at)
    caps = (mbit_at(ruled.caps, ruled.timezone, at), mbit_at(agreed, zone, at))
    return min([MEGABYTE, *(each * MEGABYTE / 8 for each in caps if each is not None)])


@pytest.mark.parametrize("versions", [[], [convention()]])
def test_without_rules_the_line_is_one_stretch(versions: list[Convention]) -> None:
    assert len(list(stretches(rules(versions), MEGABYTE, instant("2026-11-24T07:00")))) == 1
