"""The configurations of the laboratory's boxes fit each other."""

from __future__ import annotations

from bocage_contract.configuration import Desired
from bocage_provisioning.lab.desired import Identity, hospital_desired, practice_desired

HOSPITAL = Identity("hospital-x", "a" * 64, {"payload": "h"})
PRACTICE = Identity("practice-x", "b" * 64, {"payload": "p"})


def both() -> tuple[Desired, Desired]:
    return (
        hospital_desired(HOSPITAL, PRACTICE, 1_800_000_000),
        practice_desired(PRACTICE, HOSPITAL, 1_800_000_000),
    )


def test_each_tunnel_end_names_the_other() -> None:
    ours, theirs = (desired.links[0] for desired in both())
    assert ours.id == theirs.id
    assert ours.tunnel.address == theirs.tunnel.partner_address
    assert ours.tunnel.partner_address == theirs.tunnel.address
    assert ours.relay_port == theirs.relay_port
    assert (ours.partner, theirs.partner) == ("practice-x", "hospital-x")


def test_one_end_calls_and_keeps_the_way_open() -> None:
    ours, theirs = (desired.links[0].tunnel for desired in both())
    assert ours.endpoint is not None and ours.keepalive_s == 25
    assert theirs.endpoint is None


def test_what_arrives_has_somewhere_to_go_in_every_class() -> None:
    for sender, receiver in (both(), both()[::-1]):
        for service in sender.links[0].services:
            assert receiver.links[0].destinations_for(service.exam_class)


def test_each_configuration_is_for_its_box_only() -> None:
    hospital, practice = both()
    assert (hospital.audience, practice.audience) == ("a" * 64, "b" * 64)
