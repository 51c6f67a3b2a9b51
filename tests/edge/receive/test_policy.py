"""Who may associate: every single thing that can be wrong, and each right combination."""

from __future__ import annotations

import ipaddress

import pytest

from bocage_contract.configuration import Desired
from bocage_contract.exam_class import ExamClass
from bocage_edge.receive.policy import Admitted, Policy, Reason, Rejected, Service, admit, policy_of
from tests.contract.keys import desired_document, identity


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Parse."""
    return ipaddress.ip_network(text)


ROUTINE = Service("FLERS", "flers-caen", ExamClass.ROUTINE, None)
URGENT = Service("FLERS_URG", "flers-caen", ExamClass.URGENT, frozenset({"CT1"}))
POLICY = Policy(
    callers={
        "CR1": (network("192.168.1.20/32"),),
        "CT1": (network("192.168.1.0/24"), network("fd00:1::/64")),
    },
    services={"FLERS": ROUTINE, "FLERS_URG": URGENT},
    max_associations=30,
    idle_timeout_s=900,
    language="fr",
    quiet_s=60,
    versions={},
)


@pytest.mark.parametrize(
    ("calling", "called", "address", "expected"),
    [
        ("CR1", "FLERS", "192.168.1.20", Admitted("CR1", ROUTINE)),
        ("CR1", "FLERS", "::ffff:192.168.1.20", Admitted("CR1", ROUTINE)),
        ("CT1", "FLERS", "192.168.1.77", Admitted("CT1", ROUTINE)),
        ("CT1", "FLERS_URG", "192.168.1.77", Admitted("CT1", URGENT)),
        ("CT1", "FLERS_URG", "fd00:1::5", Admitted("CT1", URGENT)),
        (None, "FLERS", "192.168.1.20", Rejected(Reason.MALFORMED)),
        ("CR1", None, "192.168.1.20", Rejected(Reason.MALFORMED)),
        ("XX", "FLERS", "192.168.1.20", Rejected(Reason.CALLING_UNKNOWN)),
        ("cr1", "FLERS", "192.168.1.20", Rejected(Reason.CALLING_UNKNOWN)),
        ("CR1", "FLERS", "192.168.1.21", Rejected(Reason.ADDRESS_UNKNOWN)),
        ("CT1", "FLERS", "fd00:2::5", Rejected(Reason.ADDRESS_UNKNOWN)),
        ("CR1", "BOCAGE", "192.168.1.20", Rejected(Reason.CALLED_UNKNOWN)),
        ("CR1", "FLERS_URG", "192.168.1.20", Rejected(Reason.NOT_ALLOWED)),
    ],
)
def test_admission(
    calling: str | None, called: str | None, address: str, expected: Admitted | Rejected
) -> None:
    """Title, address and service together."""
    assert admit(POLICY, calling, called, address) == expected


def test_an_address_is_known_if_any_caller_may_call_from_it() -> None:
    """What decides which room of the lobby a connection takes."""
    assert POLICY.knows_address("192.168.1.200")
    assert not POLICY.knows_address("10.0.0.1")


def test_the_policy_of_a_configuration() -> None:
    """Callers, services and limits come from the signed document."""
    policy = policy_of(Desired.of(desired_document(identity(1))))
    assert policy.callers == {"CR1": (network("192.168.1.20/32"),)}
    expected = Service("FLERS", "flers-caen", ExamClass.ROUTINE, frozenset({"CR1"}))
    assert policy.services == {"FLERS": expected}
    assert (policy.max_associations, policy.idle_timeout_s, policy.language) == (30, 900, "fr")
