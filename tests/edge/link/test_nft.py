"""The text of the packet filter."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.configuration import Desired
from bocage_edge.link.address import Sides, tunnel_name
from bocage_edge.link.nft import (
    Firewall,
    Listener,
    Target,
    TunnelRule,
    apply_ruleset,
    firewall_of,
    read_listing,
    ruleset,
)
from tests.contract.keys import desired_document, identity
from tests.fakes.collector import credentials
from tests.fakes.host import FakeHost

TWO_SIDES = Sides(frozenset({"lan0"}), frozenset({"wan0"}))
NOTHING = Firewall(Sides(frozenset(), frozenset()), (), (), ())


def document(**changes: Any) -> Desired:
    return Desired.model_validate({**desired_document(identity(1)), **changes})


def rules(text: str, chain: str) -> list[str]:
    """Give the rules of one chain, between its policy and its end."""
    lines = text.split(f"chain {chain} {{\n", 1)[1].split("  }\n", 1)[0].splitlines()
    assert lines[0].endswith("policy drop;")
    assert lines[-1].strip() == "counter drop"
    return [line.strip() for line in lines[1:-1]]


def test_only_our_table_goes_and_comes_in_one_transaction() -> None:
    text = ruleset(firewall_of(document(), TWO_SIDES)[0])
    assert text.startswith("table inet bocage\ndelete table inet bocage\ntable inet bocage {\n")
    assert "flush" not in text


def test_nothing_is_ever_forwarded() -> None:
    assert rules(ruleset(firewall_of(document(), TWO_SIDES)[0]), "forward") == []


def test_what_may_pass_a_whole_box() -> None:
    desired = document()
    tunnel = tunnel_name(desired.audience, "flers-caen", 1)
    firewall, faults = firewall_of(desired, TWO_SIDES)
    assert faults == []
    assert rules(ruleset(firewall), "input")[4:] == [
        'iifname { "lan0" } ip saddr { 192.168.1.20/32 } ip daddr 192.168.1.1'
        " tcp dport 11112 accept",
        'iifname { "wan0" } udp dport { 51820 } accept',
        f'iifname "{tunnel}" ip6 saddr fd00::2 ip6 daddr fd00::1 tcp dport 7431 accept',
        f'iifname "{tunnel}" ip6 saddr fd00::2 ip6 daddr fd00::1'
        " icmpv6 type echo-request limit rate 20/second accept",
    ]
    assert rules(ruleset(firewall), "output")[4:] == [
        'oifname { "lan0" } ip daddr 192.168.1.30 tcp dport 104 accept',
        'oifname { "wan0" } udp sport { 51820 } accept',
        'oifname { "wan0" } meta l4proto { tcp, udp } th dport 53 accept',
        'oifname { "wan0" } udp dport 123 accept',
        'oifname { "wan0" } udp sport 68 udp dport 67 accept',
        f'oifname "{tunnel}" ip6 saddr fd00::1 ip6 daddr fd00::2 tcp dport 7431 accept',
        f'oifname "{tunnel}" ip6 saddr fd00::1 ip6 daddr fd00::2'
        " icmpv6 type echo-request limit rate 20/second accept",
    ]


def test_the_hl7_port_is_open_to_its_senders_alone() -> None:
    raw = desired_document(identity(1))
    ris = {"name": "ris", "addresses": ["192.168.1.40"], "links": [{"link": "flers-caen"}]}
    raw["receive"]["hl7"] = {"senders": [ris]}
    firewall, _ = firewall_of(Desired.model_validate(raw), TWO_SIDES)
    assert rules(ruleset(firewall), "input")[4:6] == [
        'iifname { "lan0" } ip saddr { 192.168.1.20/32 } ip daddr 192.168.1.1'
        " tcp dport 11112 accept",
        'iifname { "lan0" } ip saddr { 192.168.1.40/32 } ip daddr 192.168.1.1'
        " tcp dport 2575 accept",
    ]


def test_storage_commitment_opens_what_it_needs() -> None:
    """Results go out to the caller's AE; the station brings its own to the DICOM port."""
    raw = desired_document(identity(1))
    raw["receive"]["callers"][0]["commitment"] = {"aet": "CR1", "host": "192.168.1.20", "port": 104}
    raw["destinations"][0]["commitment"] = True
    firewall, faults = firewall_of(Desired.model_validate(raw), TWO_SIDES)
    assert faults == []
    assert Target(ip_address("192.168.1.20"), 104) in firewall.targets
    (listener,) = firewall.listeners
    assert ip_network("192.168.1.30/32") in listener.callers


def test_results_of_commitment_never_leave_the_site() -> None:
    raw = desired_document(identity(1))
    raw["receive"]["callers"][0]["commitment"] = {"aet": "CR1", "host": "203.0.113.9", "port": 104}
    firewall, faults = firewall_of(Desired.model_validate(raw), TWO_SIDES)
    assert faults == ["commitment of CR1 lies outside the site's networks"]
    assert Target(ip_address("203.0.113.9"), 104) not in firewall.targets


def test_a_destination_outside_the_site_stays_closed() -> None:
    raw = desired_document(identity(1))
    raw["destinations"].append({**raw["destinations"][0], "name": "far", "host": "203.0.113.9"})
    firewall, faults = firewall_of(Desired.model_validate(raw), TWO_SIDES)
    assert faults == ["destination far lies outside the site's networks"]
    assert "203.0.113.9" not in ruleset(firewall)


def test_a_ris_may_be_called_on_its_port() -> None:
    raw = desired_document(identity(1))
    ris = {"name": "ris", "kind": "hl7", "host": "192.168.1.31", "port": 2575}
    raw["destinations"].append(ris)
    text = ruleset(firewall_of(Desired.model_validate(raw), TWO_SIDES)[0])
    assert 'oifname { "lan0" } ip daddr 192.168.1.31 tcp dport 2575 accept' in text


def test_without_callers_the_dicom_port_is_closed() -> None:
    raw = desired_document(identity(1))
    raw["receive"]["callers"] = []
    raw["links"][0]["services"] = []
    text = ruleset(firewall_of(Desired.model_validate(raw), TWO_SIDES)[0])
    assert "11112" not in text


def test_callers_within_a_wider_network_are_written_once() -> None:
    networks = ("192.168.1.0/24", "192.168.1.20/32", "fd01::/64")
    listener = Listener(
        ip_address("192.168.1.1"), 11112, frozenset(ip_network(text) for text in networks)
    )
    text = ruleset(Firewall(TWO_SIDES, (listener,), (), ()))
    assert "ip saddr { 192.168.1.0/24 } ip daddr 192.168.1.1" in text
    # An IPv6 caller cannot reach an IPv4 address.
    assert "fd01::" not in text


@pytest.mark.parametrize("side", ["lan", "wan"])
def test_a_side_without_an_interface_is_closed(side: str) -> None:
    missing = Sides(
        frozenset() if side == "lan" else TWO_SIDES.lan,
        frozenset() if side == "wan" else TWO_SIDES.wan,
    )
    text = ruleset(firewall_of(document(), missing)[0])
    assert f"{side}0" not in text
    assert ("lan0" in text) is (side == "wan")


@pytest.mark.parametrize("name", ['x" accept', "a b", "", "a;b", "sixteencharacter", "é"])
def test_a_name_outside_the_closed_set_never_gets_into_the_text(name: str) -> None:
    with pytest.raises(ValueError, match="closed set"):
        ruleset(firewall_of(document(), Sides(frozenset({name}), frozenset()))[0])


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_never_gets_into_the_text(port: int) -> None:
    with pytest.raises(ValueError, match="port"):
        ruleset(Firewall(TWO_SIDES, (), (Target(ip_address("192.168.1.30"), port),), ()))


addresses4 = st.ip_addresses(v=4)
addresses6 = st.ip_addresses(v=6)
ports = st.integers(1, 65535)
tunnel_rules = st.builds(
    TunnelRule,
    interface=st.from_regex(r"\Abw[0-9a-f]{7}g[1-9]\Z"),
    address=addresses6,
    partner_address=addresses6,
    relay_port=ports,
    listen_port=ports,
)
firewalls = st.builds(
    Firewall,
    sides=st.just(TWO_SIDES),
    listeners=st.lists(
        st.builds(
            Listener,
            address=addresses4 | addresses6,
            port=ports,
            callers=st.frozensets((addresses4 | addresses6).map(ip_network), max_size=4),
        ),
        max_size=2,
    ).map(tuple),
    targets=st.lists(
        st.builds(Target, address=addresses4 | addresses6, port=ports), max_size=3
    ).map(tuple),
    tunnels=st.lists(tunnel_rules, max_size=3).map(tuple),
)


@given(firewalls)
def test_whatever_is_opened_the_rest_is_dropped(firewall: Firewall) -> None:
    text = ruleset(firewall)
    for chain in ("input", "output", "forward"):
        for rule in rules(text, chain):
            assert rule.endswith((" accept", " drop"))
    assert rules(text, "forward") == []


def test_the_table_is_listed_once_it_is_in_force() -> None:
    host = FakeHost()
    assert read_listing(host) is None
    listing = apply_ruleset(host, ruleset(NOTHING))
    assert listing is not None and listing == read_listing(host)


@pytest.mark.parametrize(("host", "is_open"), [("192.168.1.50", True), ("203.0.113.5", False)])
def test_the_audit_repository_is_called_inside_the_site_only(host: str, is_open: bool) -> None:
    audit = {"host": host, "certificates": credentials().certificate, "source_id": "bocage"}
    firewall, faults = firewall_of(document(audit=audit), TWO_SIDES)
    rule = f'oifname {{ "lan0" }} ip daddr {host} tcp dport 6514 accept'
    assert (rule in rules(ruleset(firewall), "output")) is is_open
    assert faults == ([] if is_open else ["the audit repository lies outside the site's networks"])
