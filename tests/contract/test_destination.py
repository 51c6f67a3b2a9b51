"""Where a box delivers to: two kinds, told apart by one word."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bocage_contract.canonical import canonical_json
from bocage_contract.configuration import Desired
from bocage_contract.destination import (
    NONE_TAKES_DICOM,
    NONE_TAKES_HL7,
    NOTHING_NAMED,
    Content,
    DicomDestination,
    Hl7Destination,
    takers,
)
from bocage_contract.errors import MessageError
from tests.contract.keys import desired_document, identity

RIS: dict[str, Any] = {"name": "ris", "kind": "hl7", "host": "192.168.1.31", "port": 2575}


def document(*destinations: dict[str, Any]) -> dict[str, Any]:
    """Give a configuration with further destinations."""
    value = copy.deepcopy(desired_document(identity(1)))
    value["destinations"] += destinations
    return value


def test_the_kind_tells_which_it_is() -> None:
    pacs, ris = Desired.of(document(RIS)).destinations
    assert isinstance(pacs, DicomDestination)
    assert isinstance(ris, Hl7Destination)
    assert (pacs.lanes, ris.lanes) == (pacs.max_associations, 1)
    assert (ris.charset, ris.acknowledgement) == ("UNICODE UTF-8", "original")


def test_a_destination_without_a_kind_is_a_dicom_one() -> None:
    value = document()
    with_kind = Desired.of(value)
    value["destinations"][0].pop("kind", None)
    without = Desired.of(value)
    assert canonical_json(without.to_json()) == canonical_json(with_kind.to_json())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "fax"}, "destinations.1"),
        ({"charset": "UTF-16"}, "charset"),
        ({"receiving_application": "R|S"}, "receiving_application"),
        ({"answer_s": 0}, "answer_s"),
        ({"port": 0}, "port"),
        ({"name": "pacs"}, "destination pacs stands twice"),
        ({"application_acknowledgement": True}, "goes with acknowledgement: enhanced"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(change: dict[str, Any], says: str) -> None:
    with pytest.raises(MessageError) as caught:
        Desired.of(document(RIS | change))
    assert says in str(caught.value)


def test_a_link_may_name_both_kinds() -> None:
    value = document(RIS)
    value["links"][0]["deliver"] = [{"classes": ["report"], "destinations": ["ris", "pacs"]}]
    Desired.of(value)


@pytest.mark.parametrize(
    ("named", "content", "found"),
    [
        (("pacs", "ris"), "instance", ["pacs"]),
        (("pacs", "ris"), "report", ["ris"]),
        (("pacs", "ris"), "request", ["ris"]),
        (("pacs",), "report", ["pacs"]),
        (("ris",), "instance", NONE_TAKES_DICOM),
        (("pacs",), "request", NONE_TAKES_HL7),
        ((), "instance", NOTHING_NAMED),
        ((), "report", NOTHING_NAMED),
    ],
)
def test_an_object_goes_where_it_can_be_taken(
    named: tuple[str, ...], content: Content, found: list[str] | str
) -> None:
    there = [each for each in Desired.of(document(RIS)).destinations if each.name in named]
    taken = takers(there, content)
    assert (taken if isinstance(taken, str) else [each.name for each in taken]) == found
