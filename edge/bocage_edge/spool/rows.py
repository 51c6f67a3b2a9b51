"""Rows of the index as values, and the few statements that several rooms of the spool share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from bocage_contract.exam_class import ExamClass
from bocage_edge.spool.schema import NO_SLOT_WAITS
from bocage_edge.spool.types import (
    KEEP_ROW_S,
    ArrivedObject,
    Delivery,
    DeliveryState,
    Direction,
    ObjectKind,
    ObjectState,
    OutgoingObject,
    StoredObject,
)

CLASSES = tuple(ExamClass)
OBJECT_COLUMNS = (
    "o.name, o.direction, o.link, o.klass, o.kind, o.exam_id, o.instance_key, o.digest,"
    " o.content_digest, o.dataset_bytes, o.service, o.size_bytes, o.state, o.reason, o.held,"
    " o.accepted_at, o.arrive_by, o.due_at, o.attempts"
)
DELIVERY_COLUMNS = "d.id, d.destination, d.state, d.attempts, d.due_at, d.reason"
_INSERT = """
INSERT INTO object (name, direction, link, klass, kind, exam_id, instance_key, digest,
    content_digest, dataset_bytes, service, size_bytes, state, held, received_at, accepted_at,
    arrive_by, due_at, class_key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_RETIRE = """
UPDATE object SET state = ?, reason = ?, held = NULL, keep_until = ?
WHERE name = ?
"""
# Held for want of a destination: every such reason begins alike, the first until one was sought.
WITHOUT_DESTINATION = "no destination"
NOT_DIRECTED = "no destination chosen yet"


def object_of(row: Sequence[Any]) -> StoredObject:
    """Read one row of `OBJECT_COLUMNS`."""
    name, direction, link, klass, kind, exam_id, instance_key, digest, content, *rest = row
    dataset_bytes, service, size, state, reason, held, accepted_at, arrive_by, due_at, attempts = (
        rest
    )
    return StoredObject(
        name=name,
        direction=Direction(direction),
        link=link,
        klass=CLASSES[klass],
        kind=ObjectKind(kind),
        exam_id=exam_id,
        instance_key=instance_key,
        digest=digest,
        content_digest=content,
        dataset_bytes=dataset_bytes,
        service=service,
        size_bytes=size,
        state=ObjectState(state),
        reason=reason,
        held=held,
        accepted_at=accepted_at,
        arrive_by=None if arrive_by >= NO_SLOT_WAITS else arrive_by,
        due_at=due_at,
        attempts=attempts,
    )


def delivery_of(row: Sequence[Any]) -> Delivery:
    """Read one row of `DELIVERY_COLUMNS` followed by `OBJECT_COLUMNS`."""
    number, destination, state, attempts, due_at, reason = row[:6]
    return Delivery(
        id=number,
        object=object_of(row[6:]),
        destination=destination,
        state=DeliveryState(state),
        attempts=attempts,
        due_at=due_at,
        reason=reason,
    )


def find_object(db: apsw.Connection, name: str) -> StoredObject | None:
    """Look an object up by its name."""
    row = db.execute(
        f"SELECT {OBJECT_COLUMNS} FROM object o WHERE o.name = ?",  # noqa: S608 - constants
        (name,),
    ).fetchone()
    return None if row is None else object_of(row)


def insert_outgoing(
    db: apsw.Connection, name: str, size_bytes: int, new: OutgoingObject, now: float
) -> None:
    """Make an object that starts here count."""
    db.execute(
        _INSERT,
        (name, Direction.OUT, new.link, new.klass.rank, new.kind, new.exam_id, new.instance_key,
         new.digest, new.content_digest, new.dataset_bytes, new.service, size_bytes,
         ObjectState.QUEUED, new.held, new.received_at, now,
         NO_SLOT_WAITS if new.arrive_by is None else new.arrive_by, now, new.class_key),
    )  # fmt: skip


def insert_arrived(
    db: apsw.Connection, new: ArrivedObject, destinations: Sequence[str], now: float
) -> None:
    """Make an object from the partner count, and its deliveries due."""
    db.execute(
        _INSERT,
        (new.name, Direction.IN, new.link, new.klass.rank, new.kind, new.exam_id, new.instance_key,
         new.digest, None, None, None, new.size_bytes, ObjectState.ARRIVED,
         None if destinations else NOT_DIRECTED, now, now,
         NO_SLOT_WAITS if new.arrive_by is None else new.arrive_by, now, ""),
    )  # fmt: skip
    insert_deliveries(db, new.name, destinations, now)


def insert_deliveries(
    db: apsw.Connection, name: str, destinations: Sequence[str], now: float
) -> None:
    """Make an object due at destinations; one that refused it before is asked again."""
    db.executemany(
        "INSERT INTO delivery (object, destination, klass, due_at)"
        " SELECT id, ?, klass, ? FROM object WHERE name = ?"
        " ON CONFLICT (object, destination) DO UPDATE"
        " SET state = 'due', due_at = excluded.due_at, is_open = 0, cuts = 0, reason = ''"
        " WHERE state = 'refused'",
        [(destination, now, name) for destination in destinations],
    )


def end_object(
    db: apsw.Connection, name: str, state: ObjectState, now: float, reason: str = ""
) -> None:
    """Say that an object's file goes; the caller removes it once this is committed."""
    db.execute(_RETIRE, (state, reason, now + KEEP_ROW_S, name))
