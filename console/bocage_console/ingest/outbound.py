"""What is for boxes: acknowledgements, what holds, and what was put out meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from bocage_console.database.tables import EventCursor, Outgoing, Revision
from bocage_contract.canonical import canonical_json
from bocage_contract.fleet.events import Ack
from bocage_contract.fleet.topics import Down, topic

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for a box.

    Args:
        row: the row of `outgoing` it comes from; None: none.
    """

    topic: str
    payload: bytes
    row: int | None = None


def acknowledgements(acks: Mapping[tuple[str, int], int]) -> list[Parcel]:
    """Say how far events are here."""
    return [_ack(device, epoch, committed) for (device, epoch), committed in acks.items()]


def what_holds(session: Session, devices: Iterable[str], keyset: bytes | None) -> list[Parcel]:
    """Give boxes that began a session the keyset, their newest configuration and their last ack.

    Nothing depends on the broker having kept any of it.
    """
    parcels = []
    for device in devices:
        if keyset is not None:
            parcels.append(Parcel(topic(device, Down.DESIRED), keyset))
        newest = session.scalars(
            select(Revision.envelope)
            .where(Revision.device_id == device)
            .order_by(Revision.revision.desc())
            .limit(1)
        ).first()
        if newest is not None:
            parcels.append(Parcel(topic(device, Down.DESIRED), newest))
        cursors = session.scalars(select(EventCursor).where(EventCursor.device_id == device))
        parcels += [_ack(device, each.epoch, each.committed) for each in cursors]
    return parcels


def put_out(session: Session) -> list[Parcel]:
    """Give what was put out and the broker has not got yet, oldest first."""
    rows = session.scalars(select(Outgoing).order_by(Outgoing.id).limit(_AT_ONCE))
    return [
        Parcel(topic(row.device_id, Down(row.leaf)), bytes(row.payload), row.id) for row in rows
    ]


def _ack(device: str, epoch: int, committed: int) -> Parcel:
    ack = Ack(epoch=epoch, committed=committed)
    return Parcel(topic(device, Down.ACK), canonical_json(ack.to_json()))
