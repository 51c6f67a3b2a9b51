from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from bocage_console.database.opening import Database
from bocage_console.database.tables import (
    Command,
    Device,
    Event,
    EventCursor,
    Revision,
    Said,
    SigningOrder,
)
from bocage_console.ingest.outbound import put_out, what_holds
from bocage_console.ingest.writing import MAX_MESSAGE_BYTES, Message, Written, write
from bocage_contract.canonical import canonical_json
from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.events import Event as EventMessage
from bocage_contract.fleet.events import EventKind, Events, Measure, Outcome
from bocage_contract.fleet.topics import Up
from tests.console.conftest import NOW
from tests.console.fleet import HOSPITAL, PRACTICE, NewBox, two_sites
from tests.console.ingest.test_doubles import status
from tests.contract.keys import public

BOX = NewBox(HOSPITAL)


@pytest.fixture(autouse=True)
def _sites(database: Database) -> None:
    with database.writing() as session:
        two_sites(session)
        for name, box in ((HOSPITAL, BOX), (PRACTICE, NewBox(PRACTICE))):
            device = session.get_one(Device, name)
            device.state, device.card, device.card_serial = "active", box.card, 1
            device.identity = fingerprint(public(box.identity))


def take(database: Database, *messages: Message) -> Written:
    with database.writing() as session:
        return write(session, messages)


def message(leaf: Up, value: Any, device: str = HOSPITAL, at: float = NOW) -> Message:
    return Message(device, leaf, canonical_json(value), at)


def events(*numbers: int, epoch: int = 1, **changes: Any) -> Message:
    told = [
        EventMessage(seq=number, at=number * 1000, kind=EventKind.STARTED, **changes)
        for number in numbers
    ]
    return message(Up.EVENTS, Events(epoch=epoch, events=told).to_json())


def kept(database: Database) -> list[tuple[int, int]]:
    with database.reading() as session:
        rows = session.scalars(select(Event).order_by(Event.epoch, Event.seq))
        return [(row.epoch, row.seq) for row in rows]


def test_an_event_is_kept_once_however_often_it_comes(database: Database) -> None:
    assert take(database, events(1, 2), events(1, 2, 3)).acks == {(HOSPITAL, 1): 3}
    assert take(database, events(2, 3)).acks == {(HOSPITAL, 1): 3}
    assert kept(database) == [(1, 1), (1, 2), (1, 3)]


def test_after_a_gap_nothing_is_acknowledged_that_is_not_here(database: Database) -> None:
    assert take(database, events(1), events(3, 4)).acks == {(HOSPITAL, 1): 1}
    assert take(database, events(2, 3, 4)).acks == {(HOSPITAL, 1): 4}
    assert kept(database) == [(1, 1), (1, 2), (1, 3), (1, 4)]


def test_a_new_epoch_begins_at_one(database: Database) -> None:
    take(database, events(1, 2))
    assert take(database, events(1, epoch=2)).acks == {(HOSPITAL, 2): 1}
    assert kept(database) == [(1, 1), (1, 2), (2, 1)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=6), max_size=12))
def test_whatever_comes_in_whatever_order_the_log_has_no_gap(
    database: Database, runs: list[list[int]]
) -> None:
    with database.writing() as session:
        session.execute(delete(Event))
        session.execute(delete(EventCursor))
    acknowledged = 0
    for run in runs:
        acknowledged = take(database, events(*run)).acks[HOSPITAL, 1]
    assert kept(database) == [(1, number) for number in range(1, acknowledged + 1)]


def test_what_is_wrong_is_counted_and_takes_nothing_with_it(database: Database) -> None:
    written = take(
        database,
        Message(HOSPITAL, Up.EVENTS, b"{", NOW),
        Message(HOSPITAL, Up.HEALTH, b"[" * 100_000, NOW),
        Message(HOSPITAL, Up.STATUS, b"x" * (MAX_MESSAGE_BYTES + 1), NOW),
        Message("nobody", Up.STATUS, b"{}", NOW),
        events(1),
    )
    assert written.refused == {"malformed": 2, "too large": 1, "unknown or fenced": 1}
    assert written.acks == {(HOSPITAL, 1): 1}


def test_a_fenced_box_is_not_heard(database: Database) -> None:
    with database.writing() as session:
        session.get_one(Device, HOSPITAL).state = "fenced"
    assert take(database, events(1)).acks == {}
    assert kept(database) == []


def test_a_field_the_contract_does_not_know_is_not_kept(database: Database) -> None:
    value = status().to_json() | {"patient": "DUPONT^JEAN"}
    take(database, message(Up.STATUS, value))
    with database.reading() as session:
        held = session.get_one(Said, (HOSPITAL, "status"))
    assert "patient" not in held.body
    assert held.body == status().to_json()


def test_a_box_that_begins_a_session_is_told_what_holds(database: Database) -> None:
    with database.writing() as session:
        for number in (1, 2):
            session.add(
                Revision(
                    device_id=HOSPITAL,
                    revision=number,
                    envelope=b"revision %d" % number,
                    asked_by="anne",
                    reason="",
                    signed_at=int(NOW),
                    state="signed",
                )
            )
    take(database, events(1, 2))
    assert take(database, message(Up.STATUS, status().to_json())).born == [HOSPITAL]
    with database.reading() as session:
        parcels = what_holds(session, [HOSPITAL], b"the keyset")
        assert put_out(session) == []
    assert [each.payload for each in parcels] == [
        b"the keyset",
        b"revision 2",
        b'{"committed":2,"contract":1,"epoch":1}',
    ]


def test_a_will_of_an_earlier_session_does_not_end_the_new_one(database: Database) -> None:
    take(database, message(Up.STATUS, status(session=11).to_json()))
    take(database, message(Up.STATUS, status(session=10, online=False).to_json()))
    with database.reading() as session:
        assert session.get_one(Said, (HOSPITAL, "status")).body["online"] is True
    take(database, message(Up.STATUS, status(session=11, online=False).to_json()))
    with database.reading() as session:
        assert session.get_one(Said, (HOSPITAL, "status")).body["online"] is False


def test_a_copied_card_is_told_and_freezes_configuration(database: Database) -> None:
    take(database, message(Up.STATUS, status(session=11).to_json()))
    take(database, message(Up.STATUS, status(session=11, boot="c" * 32).to_json()))
    with database.reading() as session:
        assert session.get_one(Device, HOSPITAL).doubled_at == int(NOW)
        assert session.get_one(Device, PRACTICE).doubled_at is None


def reported(card: str | None) -> dict[str, Any]:
    return {
        "contract": 1,
        "identity": fingerprint(public(BOX.identity)),
        "in_force": 1,
        "confirmed": 1,
        "software": "0.1.0",
        "keyset": 1,
        "command_counter": 0,
        "card": card,
    }


def test_a_new_card_goes_to_the_partners_if_the_box_itself_signed_it(database: Database) -> None:
    newer = NewBox(HOSPITAL, BOX.identity, BOX.session, serial=2)
    take(database, message(Up.REPORTED, reported(newer.card)))
    with database.reading() as session:
        assert session.get_one(Device, HOSPITAL).card_serial == 2
        assert session.scalars(select(SigningOrder.device_id)).all() == [PRACTICE]
    for foreign in (NewBox(HOSPITAL, serial=3).card, BOX.card, "e30="):
        written = take(database, message(Up.REPORTED, reported(foreign)))
        assert written.refused == {"card": 1}
    with database.reading() as session:
        assert session.get_one(Device, HOSPITAL).card_serial == 2


def test_a_revision_learns_what_became_of_it(database: Database) -> None:
    with database.writing() as session:
        session.add(
            Revision(
                device_id=HOSPITAL,
                revision=4,
                envelope=b"",
                asked_by="anne",
                reason="",
                signed_at=1,
                state="signed",
            )
        )
    told = EventMessage(
        seq=1,
        at=1,
        kind=EventKind.CONFIGURATION,
        outcome=Outcome.RETURNED,
        numbers={Measure.REVISION: 4},
    )
    take(database, message(Up.EVENTS, Events(epoch=1, events=[told]).to_json()))
    with database.reading() as session:
        assert session.get_one(Revision, (HOSPITAL, 4)).state == "returned"


def test_a_command_is_answered_by_the_box_it_was_for(database: Database) -> None:
    with database.writing() as session:
        session.add(
            Command(
                id="d" * 32, device_id=HOSPITAL, counter=1, act={}, asked_by="anne", signed_at=1
            )
        )

    def answer(device: str, outcome: Outcome, seq: int = 1) -> None:
        told = EventMessage(
            seq=seq, at=9000, kind=EventKind.COMMAND, command="d" * 32, outcome=outcome
        )
        value = Events(epoch=1, events=[told]).to_json()
        take(database, message(Up.EVENTS, value, device))

    answer(PRACTICE, Outcome.FAILED)
    with database.reading() as session:
        assert session.get_one(Command, "d" * 32).outcome is None
    answer(HOSPITAL, Outcome.DONE)
    with database.reading() as session:
        found = session.get_one(Command, "d" * 32)
    assert (found.outcome, found.answered_at) == ("done", 9)
