"""The laboratory on paper."""

from __future__ import annotations

import ipaddress

import pytest

from bocage_provisioning.lab.topology import (
    Line,
    Topology,
    line_argv,
    plan_namespaces,
    plan_second,
    second_line_argv,
)


@pytest.mark.parametrize("name", ["", "a-b", "Demo", "a/b", "thirteenchars", "../x", "é"])
def test_a_name_that_does_not_fit_paths_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="laboratory's name"):
        Topology(name)


def test_two_laboratories_share_no_namespace() -> None:
    assert not set(Topology("a").namespaces) & set(Topology("b").namespaces)


def test_both_ends_of_a_cable_are_in_one_network() -> None:
    lab = Topology("demo")
    for cable in (*lab.cables, *lab.second_cables):
        ends = [ipaddress.ip_interface(end.addresses[0]) for end in (cable.a, cable.b)]
        assert ends[0].network == ends[1].network
        assert ends[0].ip != ends[1].ip
        assert cable.a.namespace != cable.b.namespace


def test_both_sites_have_the_same_lan_on_purpose() -> None:
    lab = Topology("demo")
    boxes = [
        end
        for cable in lab.cables
        for end in (cable.a, cable.b)
        if end.interface == "lan0" and end.namespace in (lab.hospital_box, lab.practice_box)
    ]
    assert [box.addresses for box in boxes] == [("192.168.1.1/24",)] * 2


def test_the_plan_makes_each_thing_before_it_is_used() -> None:
    lab = Topology("demo")
    known: set[str] = set()
    for argv in (*plan_namespaces(lab), *plan_second(lab)):
        if argv[:3] == ("ip", "netns", "add"):
            known.add(argv[3])
        elif argv[1] == "-n":
            assert argv[2] in known
        else:
            assert argv[:4] == ("ip", "link", "add", "name")
            assert {argv[6], argv[13]} <= known
    assert known == {*lab.namespaces, *lab.second_namespaces}


def test_the_line_is_put_between_the_two_wireguard_ends() -> None:
    argv = line_argv("/bin/wan", Line(rate_mbit=8, delay_ms=150, loss_pct=1.5))
    assert argv == [
        *("/bin/wan", "192.0.2.254", "51820", "198.51.100.254", "51821", "198.51.100.1", "51820"),
        *("8", "150", "1.5", "100"),
    ]
    assert second_line_argv("/bin/wan", Line())[1:7] == [
        *("203.0.113.254", "51822", "198.51.100.254", "51823", "198.51.100.1", "51822"),
    ]
