"""C-ECHO for the doctor, and a connection for those who speak HL7."""

from __future__ import annotations

import socket

from bocage_contract.destination import Hl7Destination
from bocage_edge.deliver.echo import EchoResult, echo
from tests.edge.deliver.station import station


def test_a_station_that_is_there() -> None:
    with station() as there:
        result = echo(there.destination())
    assert result == EchoResult(True, "", result.took_ms)


def test_a_station_that_is_away_says_so() -> None:
    with station() as there:
        destination = there.destination()
    assert echo(destination).reason == "station cannot be reached"


def test_a_station_that_calls_itself_otherwise_says_so() -> None:
    with station(require_called_aet=True) as there:
        result = echo(there.destination(aet="OTHER"))
    assert not result.is_there
    assert result.reason == "station does not know the AE title we call"


def test_a_station_without_verification_says_so() -> None:
    with station(verification=False) as there:
        result = echo(there.destination())
    assert not result.is_there


def test_an_hl7_listener_is_there_where_it_takes_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = Hl7Destination(
            name="ris", kind="hl7", host="127.0.0.1", port=listener.getsockname()[1]
        )
        result = echo(there)
        listener.settimeout(5.0)
        caller, _ = listener.accept()
        with caller:
            caller.settimeout(5.0)
            assert caller.recv(1) == b""  # not a byte is sent
    assert result == EchoResult(True, "", result.took_ms)
    assert echo(there).reason == "it cannot be reached"
