"""Which link a message belongs to: a table, and nothing guessed."""

from __future__ import annotations

from typing import Any

import pytest

from bocage_contract.configuration import Desired
from bocage_edge.hl7.message import parse
from bocage_edge.receive.hl7_answer import Hl7Answer
from bocage_edge.receive.hl7_policy import Hl7Policy, Routed, Unrouted, hl7_policy_of, route
from tests.contract.keys import desired_document, identity
from tests.contract.test_hl7_receive import RIS, document

TWO = [
    {"link": "flers-caen", "receiving_application": "CAEN"},
    {"link": "flers-alencon", "receiving_facility": "ALENCON"},
]
TABLE = {**RIS, "links": TWO}


def policy(*senders: dict[str, Any], **hl7: Any) -> Hl7Policy:
    """The HL7 side of a configuration of two links at whose requesting end we are."""
    made = hl7_policy_of(Desired.of(document(*senders, **hl7)))
    assert made is not None
    return made


def routed(of: Hl7Policy, header: str, address: str = "192.168.1.40") -> Routed | Unrouted:
    """Ask for the link of a request with MSH-3 to 6."""
    message = parse(f"MSH|^~\\&|{header}||ORM^O01|1|P|2.5\r".encode())
    return route(of, of.senders_at(address), message, "requesting")


def test_a_box_that_takes_none_has_no_policy() -> None:
    assert hl7_policy_of(Desired.of(desired_document(identity(1)))) is None


def test_where_it_listens() -> None:
    assert policy().address == ("192.168.1.1", 2575)
    assert policy(address="192.168.1.2", port=2576).address == ("192.168.1.2", 2576)


@pytest.mark.parametrize(
    ("address", "known"),
    [("192.168.1.40", 1), ("::ffff:192.168.1.40", 1), ("192.168.1.41", 0), ("fe80::1%eth0", 0)],
)
def test_a_sender_calls_from_its_addresses_alone(address: str, known: int) -> None:
    assert len(policy().senders_at(address)) == known


@pytest.mark.parametrize(
    ("header", "becomes"),
    [
        ("RIS|FLERS|CAEN|X", Routed("ris", "flers-caen")),
        ("RIS|FLERS|caen|X", Routed("ris", "flers-caen")),
        ("RIS|FLERS|ns^CAEN^L|X", Routed("ris", "flers-caen")),
        ("RIS|FLERS|X|ALENCON", Routed("ris", "flers-alencon")),
        ("RIS|FLERS|CAEN|ALENCON", Unrouted(Hl7Answer.SEVERAL_LINKS, "ris")),
        ("RIS|FLERS|X|Y", Unrouted(Hl7Answer.NO_LINK, "ris")),
        ("RIS|FLERS||", Unrouted(Hl7Answer.NO_LINK, "ris")),
    ],
)
def test_several_links_are_told_apart_or_nothing_is_taken(
    header: str, becomes: Routed | Unrouted
) -> None:
    assert routed(policy(TABLE), header) == becomes


@pytest.mark.parametrize(
    ("header", "is_taken"),
    [("RIS|FLERS|A|B", True), ("ris|FLERS|A|B", True), ("RIS||A|B", False), ("X|FLERS|A|B", False)],
)
def test_a_sender_states_what_it_must(header: str, is_taken: bool) -> None:
    stated = {**RIS, "sending_application": "RIS", "sending_facility": "FLERS"}
    found = routed(policy(stated), header)
    assert found == (Routed("ris", "flers-caen") if is_taken else Unrouted(Hl7Answer.WRONG_SENDER))


def test_two_systems_behind_one_address_are_told_apart_by_what_they_state() -> None:
    """An integration engine calls for all of them."""
    senders = [
        {**RIS, "name": "ris", "sending_application": "RIS"},
        {**RIS, "name": "dpi", "sending_application": "DPI", "links": [{"link": "flers-alencon"}]},
    ]
    both = policy(*senders)
    assert routed(both, "RIS|F|A|B") == Routed("ris", "flers-caen")
    assert routed(both, "DPI|F|A|B") == Routed("dpi", "flers-alencon")
    assert routed(both, "XYZ|F|A|B") == Unrouted(Hl7Answer.WRONG_SENDER)


def test_a_link_of_the_other_role_does_not_count() -> None:
    """A request cannot start where we read; a sender of two links needs no table for that."""
    raw = document(TABLE)
    raw["links"][1]["role"] = "reading"
    made = hl7_policy_of(Desired.of(raw))
    assert made is not None
    assert routed(made, "RIS|F|CAEN|ALENCON") == Routed("ris", "flers-caen")
    report = parse(b"MSH|^~\\&|RIS|F|X|ALENCON|||ORU^R01|1|P|2.5\r")
    senders = made.senders_at("192.168.1.40")
    assert route(made, senders, report, "reading") == Routed("ris", "flers-alencon")
    nobody = hl7_policy_of(Desired.of(document()))
    assert nobody is not None
    assert route(nobody, senders, report, "reading") == Unrouted(Hl7Answer.NO_REPORTS, "ris")
