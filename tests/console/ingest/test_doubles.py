from __future__ import annotations

from typing import Any

import pytest

from bocage_console.ingest.doubles import is_doubled
from bocage_contract.fleet.presence import Status

BASE: dict[str, Any] = {
    "online": True,
    "boot": "a" * 32,
    "session": 10,
    "at": 1,
    "software": "0.1.0",
    "revision": 1,
    "keyset": 1,
    "outbox_epoch": 2,
    "last_event": 5,
}


def status(**changes: Any) -> Status:
    return Status(**BASE | changes)


CASES = [
    ({"session": 11}, False),
    ({"session": 11, "boot": "b" * 32}, False),
    ({}, False),  # the same message came twice
    ({"session": 10, "boot": "b" * 32}, True),
    ({"session": 9}, True),
    ({"session": 11, "outbox_epoch": 1}, True),
    ({"session": 11, "outbox_epoch": 3}, False),
    ({"session": 3, "online": False}, False),  # a will that came late proves nothing
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_two_boxes_with_one_identity_are_told_by_their_counters(
    changes: dict[str, Any], expected: bool
) -> None:
    assert is_doubled(status(), status(**changes)) is expected


def test_the_first_word_of_a_box_proves_nothing() -> None:
    assert not is_doubled(None, status())
