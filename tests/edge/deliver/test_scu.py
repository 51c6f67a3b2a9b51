"""Our own C-STORE SCU against real SCPs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.channel import LinkLostError
from bocage_edge.deliver.contexts import propose
from bocage_edge.deliver.outcome import Deferred, Refused, Scope
from bocage_edge.deliver.scu import (
    MAX_FRAGMENT_BYTES,
    VERIFICATION,
    Context,
    StoreAssociation,
    Timeouts,
    connect,
    fragment_bytes,
    fragments,
)
from bocage_edge.seal.syntax import EXPLICIT_LITTLE, IMPLICIT_LITTLE, JPEG_2000_LOSSLESS
from tests.edge.deliver.station import CR, CT, station

QUICK = Timeouts(connect_s=3.0, stall_s=1.0, response_s=2.0)
WANTED = Context(CR, EXPLICIT_LITTLE)


class DamagedError(Exception):
    """What a reader raises at the end of a damaged object."""


def established(there: DicomDestination, timeouts: Timeouts = QUICK) -> StoreAssociation:
    """Connect, or fail the test."""
    made = connect(there, propose(WANTED), timeouts)
    assert isinstance(made, StoreAssociation), made
    return made


@given(
    st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8),
    st.integers(1, 25).map(lambda half: 2 * half),
)
def test_fragments_join_to_the_data_set_and_only_the_last_says_so(
    blocks: list[bytes], size: int
) -> None:
    cut = list(fragments(blocks, size))
    assert b"".join(fragment for _, fragment in cut) == b"".join(blocks)
    assert [header for header, _ in cut] == [b"\x00"] * (len(cut) - 1) + [b"\x02"]
    assert all(len(fragment) == size for _, fragment in cut[:-1])
    assert 0 < len(cut[-1][1]) <= size


def test_the_last_fragment_is_held_back_until_the_data_set_has_ended_well() -> None:
    def damaged() -> Iterator[bytes]:
        yield bytes(20)
        raise DamagedError

    given_out: list[tuple[bytes, bytes]] = []
    with pytest.raises(DamagedError):
        given_out.extend(fragments(damaged(), 10))
    assert all(header == b"\x00" for header, _ in given_out)


@pytest.mark.parametrize(
    ("maximum", "expected"),
    [(0, MAX_FRAGMENT_BYTES), (16384, 16378), (16385, 16378), (10, 4), (7, 0), (1 << 31, 1 << 17)],
)
def test_fragments_are_even_and_fit_the_stations_pdu(maximum: int, expected: int) -> None:
    assert fragment_bytes(maximum) == expected


@pytest.mark.parametrize("maximum_pdu_size", [0, 4096, 16382, 1 << 20])
def test_the_bytes_arrive_as_they_are(maximum_pdu_size: int) -> None:
    dataset = os.urandom(300_001)
    with station(maximum_pdu_size=maximum_pdu_size) as there:
        association = established(there.destination())
        assert association.store(WANTED, "1.2.3", [dataset[:7], dataset[7:]]) == 0
        association.release()
        assert there.came == [("1.2.3", EXPLICIT_LITTLE, dataset)]


def test_one_association_carries_a_run_of_instances() -> None:
    with station() as there:
        association = established(there.destination())
        for number in range(20):
            assert association.store(WANTED, f"1.2.{number}", [b"ab" * number or b"x"]) == 0
        assert association.echo() == 0
        association.release()
        assert there.instances() == [f"1.2.{number}" for number in range(20)]
        assert len(there.associations) == 1


def test_damage_found_at_the_end_aborts_and_nothing_completes() -> None:
    def damaged() -> Iterator[bytes]:
        for _ in range(40):
            yield os.urandom(10_000)
        raise DamagedError

    with station() as there:
        association = established(there.destination())
        with pytest.raises(DamagedError):
            association.store(WANTED, "1.2.3", damaged())
        assert not association.is_open
        again = established(there.destination())
        assert again.store(WANTED, "1.2.4", [b"whole"]) == 0
        again.release()
        assert there.instances() == ["1.2.4"]


@pytest.mark.parametrize("status", [0xA700, 0x0124, 0xA900, 0xC000, 0xB000, 0x0000, 0x0110])
def test_the_stations_status_is_given_as_it_is(status: int) -> None:
    with station(answer=lambda event: status) as there:
        association = established(there.destination())
        assert association.store(WANTED, "1.2.3", [b"data"]) == status
        association.release()


def test_a_station_that_does_not_answer_gives_no_status_in_time() -> None:
    release = threading.Event()

    def silent(event: Any) -> int:
        release.wait(10)
        return 0

    with station(answer=silent) as there:
        association = established(there.destination())
        assert association.store(WANTED, "1.2.3", [b"data"]) is None
        assert not association.is_open
        release.set()


def test_a_station_that_aborts_instead_of_answering_gives_no_status() -> None:
    def aborting(event: Any) -> int:
        event.assoc.abort(block=False)
        return 0

    with station(answer=aborting) as there:
        association = established(there.destination())
        assert association.store(WANTED, "1.2.3", [b"data"]) is None


def accept_and(act: Any) -> tuple[socket.socket, threading.Thread]:
    """Listen, accept one association by replaying an SCP's answer, then act on the socket."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            request = connection.recv(65536)
            connection.sendall(accepting(request))
            act(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener, thread


def accepting(request: bytes) -> bytes:
    """Write an A-ASSOCIATE-AC that accepts every context. Source: PS3.8 9.3.3."""
    from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
    from pynetdicom.presentation import PresentationContext

    asked = A_ASSOCIATE_RQ()
    asked.decode(request)
    primitive = asked.to_primitive()
    results = []
    for wanted in primitive.presentation_context_definition_list:
        result = PresentationContext()
        result.context_id = wanted.context_id
        result.transfer_syntax = [wanted.transfer_syntax[0]]
        result.result = 0
        results.append(result)
    primitive.presentation_context_definition_results_list = results
    primitive.result = 0
    answer = A_ASSOCIATE_AC()
    answer.from_primitive(primitive)
    return bytes(answer.encode())


def test_a_station_that_closes_in_the_middle_is_noticed() -> None:
    listener, thread = accept_and(lambda connection: connection.recv(50_000))
    with listener:
        there = DicomDestination(
            name="pacs",
            aet="PACS",
            calling_aet="BOCAGE",
            host="127.0.0.1",
            port=listener.getsockname()[1],
        )
        association = established(there)
        endless = (bytes(100_000) for _ in range(100_000))
        with pytest.raises(LinkLostError):
            association.store(WANTED, "1.2.3", endless)
        thread.join(5)
        assert not association.is_open


def test_a_station_that_stops_reading_is_noticed_and_little_is_queued_for_it() -> None:
    done = threading.Event()
    listener, thread = accept_and(lambda connection: done.wait(20))
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 100_000
            yield bytes(100_000)

    with listener:
        there = DicomDestination(
            name="pacs",
            aet="PACS",
            calling_aet="BOCAGE",
            host="127.0.0.1",
            port=listener.getsockname()[1],
        )
        association = established(there)
        with pytest.raises(LinkLostError):
            association.store(WANTED, "1.2.3", counted())
        done.set()
        thread.join(5)
    kernel_buffers = 16 << 20
    assert taken < kernel_buffers + 4 * MAX_FRAGMENT_BYTES


def test_each_syntax_is_answered_by_itself() -> None:
    with station([IMPLICIT_LITTLE], classes=[CT]) as there:
        wanted = Context(CT, JPEG_2000_LOSSLESS)
        association = connect(there.destination(), propose(wanted), QUICK)
        assert isinstance(association, StoreAssociation)
        assert not association.accepts(wanted)
        assert association.accepts(Context(CT, IMPLICIT_LITTLE))
        assert association.proposed_for(CT)[JPEG_2000_LOSSLESS] == 4
        association.release()


def test_a_station_without_the_class_still_tells_so_on_an_association() -> None:
    with station(classes=[CT]) as there:
        association = connect(there.destination(), propose(WANTED), QUICK)
        assert isinstance(association, StoreAssociation)
        assert set(association.proposed_for(CR).values()) == {3}
        association.release()


def test_a_station_that_accepts_nothing_at_all_is_refused() -> None:
    with station(classes=[CT], verification=False) as there:
        refused = connect(there.destination(), propose(WANTED), QUICK)
        assert isinstance(refused, Refused)
        assert refused.scope is Scope.DESTINATION


def test_a_wrong_called_title_is_refused_and_holds_the_destination() -> None:
    with station(require_called_aet=True) as there:
        outcome = connect(there.destination(aet="OTHER"), propose(WANTED), QUICK)
        assert outcome == Refused("station does not know the AE title we call", Scope.DESTINATION)


def test_a_wrong_calling_title_is_refused_and_holds_the_destination() -> None:
    with station(require_calling_aet=["SOMEBODY"]) as there:
        outcome = connect(there.destination(), propose(WANTED), QUICK)
        assert outcome == Refused("station does not know our AE title", Scope.DESTINATION)


def test_a_station_that_is_away_is_deferred() -> None:
    with station() as there:
        destination = there.destination()
    outcome = connect(destination, propose(WANTED), QUICK)
    assert outcome == Deferred("station cannot be reached", Scope.DESTINATION)


def test_something_that_is_no_station_is_deferred() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = DicomDestination(
            name="pacs",
            aet="PACS",
            calling_aet="BOCAGE",
            host="127.0.0.1",
            port=listener.getsockname()[1],
        )
        outcome = connect(there, propose(WANTED), Timeouts(1.0, 1.0, 1.0))
    assert outcome == Deferred("station does not answer an association request", Scope.DESTINATION)


def test_verification_is_always_proposed() -> None:
    assert propose(WANTED)[0] == Context(VERIFICATION, IMPLICIT_LITTLE)
