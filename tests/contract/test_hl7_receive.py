"""Who may send HL7 to a box: what fits, and every fault at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bocage_contract.configuration import Desired
from bocage_contract.errors import MessageError
from tests.contract.keys import desired_document, identity

RIS = {"name": "ris", "addresses": ["192.168.1.40"], "links": [{"link": "flers-caen"}]}


def document(*senders: dict[str, Any], **hl7: Any) -> dict[str, Any]:
    """A configuration of two links that takes HL7."""
    made = desired_document(identity(1))
    other = copy.deepcopy(made["links"][0])
    other |= {"id": "flers-alencon", "services": []}
    other["tunnel"] |= {"address": "fd00::3", "partner_address": "fd00::4", "listen_port": 51821}
    made["links"].append(other)
    made["receive"]["hl7"] = {"senders": list(senders) or [RIS], **hl7}
    return made


def faults(value: dict[str, Any]) -> str:
    """What is wrong with a configuration."""
    with pytest.raises(MessageError) as caught:
        Desired.of(value)
    return str(caught.value)


def test_a_sender_of_one_link_needs_no_table() -> None:
    hl7 = Desired.of(document()).receive.hl7
    assert hl7 is not None
    assert (hl7.port, hl7.address, hl7.wait_days) == (2575, None, 30)
    assert [route.link for route in hl7.senders[0].links] == ["flers-caen"]


def test_a_box_without_hl7_is_written_back_as_it_was() -> None:
    value = desired_document(identity(1))
    written = Desired.of(value).to_json()
    assert "hl7" not in written["receive"]
    assert "issuers" not in written["site"]
    assert Desired.of(document()).to_json()["receive"]["hl7"]["senders"][0]["name"] == "ris"


def test_several_links_are_told_apart_by_the_receiver() -> None:
    links = [
        {"link": "flers-caen", "receiving_application": "CAEN"},
        {"link": "flers-alencon", "receiving_facility": "ALENCON"},
    ]
    assert Desired.of(document({**RIS, "links": links})).receive.hl7 is not None


def test_every_fault_is_named_at_once() -> None:
    links = [
        {"link": "flers-caen", "receiving_application": "X"},
        {"link": "flers-alencon", "receiving_application": "X"},
        {"link": "nowhere"},
    ]
    value = document({**RIS, "links": links}, RIS)
    value["site"]["issuers"] = [
        {"name": "FLERS", "oid": "1.2.3", "assumed": True},
        {"name": "flers", "assumed": True},
    ]
    said = faults(value)
    for part in (
        "HL7 sender ris stands twice",
        "link nowhere does not exist",
        "must name a receiving application",
        "the same receiving application",
        "issuer flers stands twice",
        "only one issuer",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("sending_application", "A|B"),
        ("sending_facility", "A\rMSH"),
        ("name", "RIS; drop"),
        ("addresses", ["192.168.1.40; accept"]),
        ("addresses", []),
        ("links", []),
    ],
)
def test_text_that_could_become_a_rule_or_a_segment_is_refused(place: str, value: object) -> None:
    assert place in faults(document({**RIS, place: value}))


@pytest.mark.parametrize("oid", ["1", "1.02.3", "3.1", "1.2.x", "1." + "2" * 70])
def test_an_oid_is_one(oid: str) -> None:
    value = document()
    value["site"]["issuers"] = [{"name": "FLERS", "oid": oid}]
    assert "oid" in faults(value)
