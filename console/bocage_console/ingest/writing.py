"""One batch of messages, one transaction; the acknowledgements are given after it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.database.tables import Command, Device, Event, EventCursor, Revision, Said
from bocage_console.desired.ordering import order_for_partners
from bocage_console.devices.keeping import ACTIVE
from bocage_console.ingest.doubles import is_doubled
from bocage_contract.card import open_card
from bocage_contract.errors import ContractError
from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.events import Event as EventMessage
from bocage_contract.fleet.events import EventKind, Events, Measure
from bocage_contract.fleet.health import Health
from bocage_contract.fleet.presence import Status
from bocage_contract.fleet.reported import Reported
from bocage_contract.fleet.topics import Up
from bocage_contract.model import Model

MAX_MESSAGE_BYTES = 512 * 1024
_MODELS: dict[Up, type[Model]] = {
    Up.STATUS: Status,
    Up.HEALTH: Health,
    Up.EVENTS: Events,
    Up.REPORTED: Reported,
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the broker gave it.

    Args:
        device: by its topic, which the broker's list vouches for.
        at: Unix seconds, when it came here.
    """

    device: str
    leaf: Up
    payload: bytes
    at: float


@dataclass(slots=True)
class Written:
    """What a batch came to.

    Args:
        acks: (device, epoch) -> number up to which its events are here.
        born: boxes that began a session and want to be told what holds.
        refused: why messages were not taken, with counts.
    """

    acks: dict[tuple[str, int], int] = field(default_factory=dict)
    born: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def write(session: Session, messages: Sequence[Message]) -> Written:
    """Take a batch; a message that is wrong is counted and takes no other with it."""
    written = Written()
    for message in messages:
        device = session.get(Device, message.device)
        if device is None or device.state != ACTIVE:
            written.refused["unknown or fenced"] += 1
            continue
        if len(message.payload) > MAX_MESSAGE_BYTES:
            written.refused["too large"] += 1
            continue
        try:
            said = _MODELS[message.leaf].read(message.payload)
        except ContractError:
            written.refused["malformed"] += 1
            continue
        _take(session, device, message, said, written)
    return written


def _take(
    session: Session, device: Device, message: Message, said: Model, written: Written
) -> None:
    match said:
        case Events():
            _take_events(session, device, message, said, written)
        case Status():
            _take_status(session, device, message, said, written)
        case Reported():
            _take_reported(session, device, message, said, written)
        case _:
            _keep(session, device, message, said)


def _keep(session: Session, device: Device, message: Message, said: Model) -> None:
    held = session.get(Said, (device.id, message.leaf.value))
    if held is None:
        held = Said(device_id=device.id, leaf=message.leaf.value)
        session.add(held)
    held.body, held.received_at = said.to_json(), int(message.at)


def _take_status(
    session: Session, device: Device, message: Message, said: Status, written: Written
) -> None:
    held = session.get(Said, (device.id, Up.STATUS.value))
    before = None if held is None else Status.of(held.body)
    if is_doubled(before, said):
        if device.doubled_at is None:
            device.doubled_at = int(message.at)
            record(session, message.at, "ingest", "identity doubled", device.id)
        return
    if not said.online and before is not None and said.session != before.session:
        return  # the will of an earlier session, which the broker gave late
    _keep(session, device, message, said)
    if said.online:
        written.born.append(device.id)


def _take_reported(
    session: Session, device: Device, message: Message, said: Reported, written: Written
) -> None:
    _keep(session, device, message, said)
    if said.card is None or said.card == device.card:
        return
    try:
        card = open_card(base64.b64decode(said.card))
    except ContractError:
        written.refused["card"] += 1
        return
    is_own = fingerprint(card.identity_key) == device.identity and card.device == device.id
    if not is_own or card.serial < device.card_serial:
        written.refused["card"] += 1
    elif card.serial > device.card_serial:
        device.card, device.card_serial = said.card, card.serial
        session.flush()
        order_for_partners(session, message.at, "ingest", device.id, f"{device.id} has a new card")


def _take_events(
    session: Session, device: Device, message: Message, said: Events, written: Written
) -> None:
    cursor = _cursor(session, device.id, said.epoch)
    for event in said.events:
        if event.seq != cursor.committed + 1:
            continue  # here already, or after a gap: the box sends what is missing again
        session.add(_row(device.id, said.epoch, event, message.at))
        cursor.committed = event.seq
        _follow(session, device.id, event)
    written.acks[device.id, said.epoch] = cursor.committed


def _cursor(session: Session, device: str, epoch: int) -> EventCursor:
    found = session.get(EventCursor, (device, epoch))
    if found is None:
        found = EventCursor(device_id=device, epoch=epoch, committed=0)
        session.add(found)
    return found


def _row(device: str, epoch: int, event: EventMessage, at: float) -> Event:
    return Event(
        device_id=device,
        epoch=epoch,
        seq=event.seq,
        at_ms=event.at,
        received_at=int(at),
        kind=event.kind.value,
        link_id=event.link,
        exam=event.exam,
        body=event.to_json(),
    )


def _follow(session: Session, device: str, event: EventMessage) -> None:
    """Let a command and a revision know what became of them."""
    outcome = None if event.outcome is None else event.outcome.value
    if event.kind is EventKind.COMMAND and event.command is not None:
        command = session.get(Command, event.command)
        if command is not None and command.device_id == device:
            command.outcome, command.answered_at = outcome, event.at // 1000
            command.why = None if event.why is None else event.why.value
    if event.kind is EventKind.CONFIGURATION and outcome is not None:
        number = event.numbers.get(Measure.REVISION)
        revision = session.scalars(
            select(Revision).where(Revision.device_id == device, Revision.revision == number)
        ).first()
        if revision is not None:
            revision.state = outcome
