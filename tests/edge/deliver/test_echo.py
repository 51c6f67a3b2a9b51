"""C-ECHO for the doctor."""

from __future__ import annotations

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
