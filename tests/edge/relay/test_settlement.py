"""Which entries of the partner's ledger say something of our objects."""

from __future__ import annotations

from typing import Any

import pytest

from bocage_contract.ledger import GENESIS, Entry
from bocage_edge.relay.settlement import commitments_of
from bocage_edge.spool.station_commitments import FarCommitment

NAME = "a" * 64


def entry(kind: str, **body: Any) -> Entry:
    return Entry(chain="caen-1/flers-caen", n=1, prev=GENESIS, at=1, kind=kind, body=body)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("delivered", {"commits": True}, FarCommitment(NAME, "pacs", None)),
        ("delivered", {"commits": True, "done": False}, FarCommitment(NAME, "pacs", None)),
        ("delivered", {}, None),
        ("delivered", {"commits": "yes"}, None),
        ("committed", {"ok": True}, FarCommitment(NAME, "pacs", True)),
        ("committed", {"ok": False, "failure": 274}, FarCommitment(NAME, "pacs", False)),
        ("committed", {"ok": 1}, None),
        ("committed", {"answered": False}, FarCommitment(NAME, "pacs", None, is_withdrawn=True)),
        ("committed", {}, None),
        ("refused", {"ok": True}, None),
    ],
)
def test_what_stations_vouch_for(
    kind: str, body: dict[str, Any], expected: FarCommitment | None
) -> None:
    found = commitments_of([entry(kind, object=NAME, destination="pacs", **body)])
    assert found == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    "body",
    [
        {"destination": "pacs"},
        {"object": "../x", "destination": "pacs"},
        {"object": NAME},
        {"object": NAME, "destination": "A B"},
        {"object": NAME, "destination": 7},
        {"transaction": "b" * 32, "to": "CR1"},  # of an AE that asked the partner's box
    ],
)
def test_a_body_of_another_form_is_passed_over(body: dict[str, Any]) -> None:
    assert commitments_of([entry("committed", ok=True, **body)]) == []
