from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.configuration import Desired
from bocage_contract.fleet.reported import CheckKind
from bocage_edge.link.trial import Target, Verdict, holds, judge, seen_at_start, targets_of
from tests.contract.keys import desired_document, identity

SINCE = 1_800_000_000.0
UNITS, BROKER = Target(CheckKind.UNITS), Target(CheckKind.BROKER)
RELAY = Target(CheckKind.RELAY, link="flers-caen")
STATION = Target(CheckKind.STATION, destination="pacs")


def desired(**changes: Any) -> Desired:
    return Desired.of(desired_document(identity(1)) | changes)


def test_a_revision_is_tried_by_what_both_have() -> None:
    before = desired()
    after = desired(console={"broker": "c:8883", "gate": "c:8443"})
    kinds = {target.kind for target in targets_of(before, after)}
    assert CheckKind.BROKER in kinds and CheckKind.UNITS in kinds
    links = [target.link for target in targets_of(before, after) if target.link]
    assert links == [link.id for link in before.links]
    assert targets_of(before, desired(links=[])) == [
        target for target in targets_of(before, before) if target.kind is not CheckKind.RELAY
    ]


def test_the_first_revision_is_tried_by_units_alone() -> None:
    assert targets_of(None, desired()) == [UNITS]


def said(unit: str, at: float = SINCE + 1, **status: Any) -> dict[str, Any]:
    return {unit: {"at": at, **status}}


CONNECTED = {"connected": True}
CASES: list[tuple[Target, dict[str, Any], bool | None]] = [
    (UNITS, {}, None),
    (
        UNITS,
        said("link", revision=7) | said("receive", revision=7) | said("deliver", revision=7),
        True,
    ),
    (
        UNITS,
        said("link", revision=7) | said("receive", revision=6) | said("deliver", revision=7),
        False,
    ),
    (BROKER, said("agent", connected=True, revision=7), True),
    (BROKER, said("agent", connected=True, revision=6), False),
    (BROKER, said("agent", connected=False, revision=7), False),
    (BROKER, said("agent", at=SINCE - 1, connected=True, revision=7), None),
    (
        RELAY,
        said("relay", links=[{"link": "flers-caen", "outgoing": CONNECTED, "incoming": CONNECTED}]),
        True,
    ),
    (RELAY, said("relay", links=[{"link": "flers-caen", "outgoing": CONNECTED}]), False),
    (RELAY, said("relay", links=[]), False),
    (STATION, said("deliver", destinations={"pacs": {"echo_revision": 7, "echo_ok": True}}), True),
    (
        STATION,
        said("deliver", destinations={"pacs": {"echo_revision": 7, "echo_ok": False}}),
        False,
    ),
    (STATION, said("deliver", destinations={"pacs": {"echo_revision": 6, "echo_ok": True}}), None),
    (STATION, said("deliver", destinations={"pacs": {"last_success_at": SINCE + 3}}), True),
    (STATION, said("deliver", destinations={}), None),
]


@pytest.mark.parametrize(("target", "statuses", "expected"), CASES)
def test_what_was_said_since_proves_something(
    target: Target, statuses: dict[str, Any], expected: bool | None
) -> None:
    assert holds(target, statuses, revision=7, since=SINCE) is expected


JUDGED: list[tuple[dict[Target, bool | None], dict[Target, bool | None], bool, Verdict]] = [
    ({UNITS: True, RELAY: True}, {RELAY: True}, False, Verdict.CONFIRM),
    ({UNITS: True, RELAY: False}, {RELAY: True}, False, Verdict.WAIT),
    ({UNITS: True, RELAY: False}, {RELAY: True}, True, Verdict.GO_BACK),
    ({UNITS: True, RELAY: None}, {RELAY: True}, True, Verdict.GO_BACK),
    # A PACS that was off before, or restarts just now, is no fault of the revision.
    ({UNITS: True, STATION: False}, {STATION: False}, True, Verdict.CONFIRM),
    ({UNITS: True, STATION: False}, {STATION: None}, True, Verdict.CONFIRM),
    ({UNITS: False}, {}, True, Verdict.GO_BACK),
    ({UNITS: None}, {}, True, Verdict.GO_BACK),
    ({UNITS: True, BROKER: False}, {BROKER: True}, True, Verdict.GO_BACK),
    ({UNITS: True, BROKER: False}, {}, True, Verdict.CONFIRM),
]


@pytest.mark.parametrize(("results", "baseline", "is_over", "expected"), JUDGED)
def test_the_verdict(
    results: dict[Target, bool | None],
    baseline: dict[Target, bool | None],
    is_over: bool,
    expected: Verdict,
) -> None:
    assert judge(results, baseline, is_over=is_over)[0] is expected


def test_what_failed_and_what_is_unproven_is_named() -> None:
    results: dict[Target, bool | None] = {UNITS: True, RELAY: False, STATION: None}
    _, failed = judge(results, {RELAY: True, STATION: False}, is_over=True)
    assert [(check.kind, check.link, check.passed) for check in failed] == [
        (CheckKind.RELAY, "flers-caen", False)
    ]
    _, unproven = judge(results, {}, is_over=True)
    assert {(check.kind, check.passed) for check in unproven} == {
        (CheckKind.RELAY, None),
        (CheckKind.STATION, None),
    }


RESULT = st.sampled_from([True, False, None])


@given(
    st.dictionaries(st.sampled_from([UNITS, BROKER, RELAY, STATION]), RESULT),
    st.dictionaries(st.sampled_from([BROKER, RELAY, STATION]), RESULT),
)
def test_what_worked_and_works_no_more_is_never_confirmed(
    results: dict[Target, bool | None], baseline: dict[Target, bool | None]
) -> None:
    for is_over in (False, True):
        verdict, _ = judge(results, baseline, is_over=is_over)
        broken = any(baseline.get(each) is True and results[each] is not True for each in results)
        if verdict is Verdict.CONFIRM:
            assert not broken
        if not is_over:
            assert verdict is not Verdict.GO_BACK


def test_an_old_word_is_no_baseline() -> None:
    statuses = said("relay", at=SINCE - 120, links=[])
    assert seen_at_start([RELAY], statuses, 6, SINCE) == {RELAY: None}
