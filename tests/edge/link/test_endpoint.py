"""Where the partner is, and when its name is looked up again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage_edge.link.endpoint import (
    Endpoint,
    EndpointError,
    LookUp,
    first_address,
    handshake_age_s,
    is_look_up_due,
    parse_endpoint,
    resolve,
)
from tests.fakes.host import FakeHost

DATA = Path(__file__).with_name("data")
NAME = "caen.example:51820"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("caen.example:51820", Endpoint("caen.example", 51820)),
        ("192.0.2.1:1", Endpoint("192.0.2.1", 1)),
        ("[2001:db8::1]:65535", Endpoint("2001:db8::1", 65535)),
    ],
)
def test_endpoints_are_read(text: str, expected: Endpoint) -> None:
    assert parse_endpoint(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":51820",
        "caen.example",
        "caen.example:",
        "caen:0",
        "caen:65536",
        "caen:x",
        "-o:5",
        "a b:5",
    ],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(EndpointError):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("configured", "last", "age_s", "in_force", "is_due"),
    [
        (None, None, None, None, False),  # the partner calls us
        (NAME, None, None, None, True),  # first of all
        (NAME, None, 20.0, "192.0.2.1:1", False),  # adopted after a crash: it works
        (NAME, None, 136.0, "192.0.2.1:1", True),
        (NAME, LookUp(NAME, 0), 134.0, "192.0.2.1:1", False),
        (NAME, LookUp(NAME, 0), 136.0, "192.0.2.1:1", True),
        (NAME, LookUp(NAME, 990), 136.0, "192.0.2.1:1", False),  # 10 s ago
        (NAME, LookUp(NAME, 990), None, None, False),  # no address 10 s ago
        (NAME, LookUp(NAME, 0), None, "192.0.2.1:1", True),  # never a handshake
        (NAME, LookUp("old.example:1", 999), 5.0, "192.0.2.1:1", True),  # another configuration
    ],
)
def test_when_the_endpoint_is_looked_up(
    configured: str | None,
    last: LookUp | None,
    age_s: float | None,
    in_force: str | None,
    is_due: bool,
) -> None:
    due = is_look_up_due(configured, last, handshake_age_s=age_s, in_force=in_force, now=1000)
    assert due is is_due


@pytest.mark.parametrize(
    ("at", "now", "age_s"),
    [(None, 1000, None), (900, 1000, 100), (1000, 999.5, -0.5), (5000, 1000, None)],
)
def test_the_age_of_a_handshake(at: int | None, now: float, age_s: float | None) -> None:
    assert handshake_age_s(at, now) == age_s


def test_names_are_looked_up_and_addresses_are_not() -> None:
    host = FakeHost()
    host.names["caen.example"] = "2001:db8::1"
    assert resolve(host, Endpoint("caen.example", 5)) == "[2001:db8::1]:5"
    assert resolve(host, Endpoint("nowhere.example", 5)) is None
    ran = len(host.ran)
    assert resolve(host, Endpoint("192.0.2.1", 5)) == "192.0.2.1:5"
    assert len(host.ran) == ran


def test_a_recorded_look_up_is_read() -> None:
    assert first_address((DATA / "getent-ahosts.txt").read_text()) in ("::1", "127.0.0.1")
    assert first_address("") is None
