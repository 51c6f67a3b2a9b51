"""The tables. What a box said is kept as its message (JSON); what is asked for by is a column.

Times are Unix seconds unless the name says otherwise. No column can hold a patient's data: what
comes from boxes went through the contract's closed models, the rest operators typed about sites.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Named constraints, so that a migration can name them on both databases.
_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger().with_variant(Integer, "sqlite"),
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class Site(Table):
    """A hospital or practice.

    `profile` is what a box there is told of its site: see `sites.profile.Profile`.
    """

    __tablename__ = "site"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    profile: Mapped[dict[str, Any]]
    made_at: Mapped[int]


class Device(Table):
    """One box, or the place for one; the row stays when the box is replaced."""

    __tablename__ = "device"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))  # awaited, active, fenced, retired
    identity: Mapped[str | None] = mapped_column(String(64), unique=True)
    card: Mapped[str | None] = mapped_column(Text)  # the signed card, base64
    card_serial: Mapped[int] = mapped_column(default=0)
    session_key: Mapped[str | None] = mapped_column(String(64))  # SHA-256 of its TLS key
    unlock: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    unlocked_boot: Mapped[str | None] = mapped_column(String(32))  # the last it was given for
    asking_boot: Mapped[str | None] = mapped_column(String(32))  # waits for an operator's click
    allowed_boot: Mapped[str | None] = mapped_column(String(32))
    doubled_at: Mapped[int | None]  # since when two boxes seem to bear its identity
    enrolled_at: Mapped[int | None]
    revision: Mapped[int] = mapped_column(default=0)  # the newest signed
    command_counter: Mapped[int] = mapped_column(default=0)


class FormerIdentity(Table):
    """An identity that was fenced: never let in again."""

    __tablename__ = "former_identity"

    identity: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_key: Mapped[str | None] = mapped_column(String(64), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    fenced_at: Mapped[int]
    reason: Mapped[str] = mapped_column(String(200))


class EnrolmentCode(Table):
    """A code an operator made; the secret itself is shown once and kept nowhere."""

    __tablename__ = "enrolment_code"

    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    made_by: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[int]
    expires_at: Mapped[int]
    spent_at: Mapped[int | None]


class EnrolmentRequest(Table):
    """A box that asked with a good code, and what was decided."""

    __tablename__ = "enrolment_request"

    ticket: Mapped[str] = mapped_column(String(32), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))  # pending, granted, refused
    identity: Mapped[str] = mapped_column(String(64))
    card: Mapped[str] = mapped_column(Text)
    csr: Mapped[str] = mapped_column(Text)
    unlock: Mapped[bytes] = mapped_column(LargeBinary(32))
    software: Mapped[str] = mapped_column(String(40))
    address: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[int]
    decided_at: Mapped[int | None]
    decided_by: Mapped[str | None] = mapped_column(String(80))
    certificate: Mapped[str | None] = mapped_column(Text)


class Link(Table):
    """The path between two boxes. `path` is what both ends are told: see `links.path.Path`."""

    __tablename__ = "link"

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    requesting_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    reading_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    path: Mapped[dict[str, Any]]
    made_at: Mapped[int]


class ConventionVersion(Table):
    """One version of a link's agreement, and who has approved it."""

    __tablename__ = "convention_version"

    link_id: Mapped[str] = mapped_column(ForeignKey("link.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[dict[str, Any]]
    approvals: Mapped[list[Any]]
    made_at: Mapped[int]


class Revision(Table):
    """A configuration that was signed for a box, exact bytes."""

    __tablename__ = "revision"

    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    envelope: Mapped[bytes] = mapped_column(LargeBinary)
    asked_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(200))
    signed_at: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))  # signed, trial, confirmed, returned


class SigningOrder(Table):
    """Somebody wants a box's configuration, or a command, signed; the signer looks itself."""

    __tablename__ = "signing_order"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    what: Mapped[str] = mapped_column(String(16))  # configuration, command
    command: Mapped[dict[str, Any] | None]
    asked_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[int]
    done_at: Mapped[int | None] = mapped_column(index=True)
    fault: Mapped[str | None] = mapped_column(Text)


class Outgoing(Table):
    """A message for a box that the broker has not been given yet."""

    __tablename__ = "outgoing"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    leaf: Mapped[str] = mapped_column(String(16))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[int]


class Command(Table):
    """A command that was signed for a box, and its answer."""

    __tablename__ = "command"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), index=True)
    counter: Mapped[int]
    act: Mapped[dict[str, Any]]
    asked_by: Mapped[str] = mapped_column(String(80))
    signed_at: Mapped[int]
    outcome: Mapped[str | None] = mapped_column(String(16))
    why: Mapped[str | None] = mapped_column(String(32))
    answered_at: Mapped[int | None]


class Said(Table):
    """The last message of each kind from each box: `status`, `health`, `reported`."""

    __tablename__ = "said"

    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    leaf: Mapped[str] = mapped_column(String(16), primary_key=True)
    body: Mapped[dict[str, Any]]
    received_at: Mapped[int]


class Event(Table):
    """What a box told, once: the three numbers are its name."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_kind_at", "kind", "at_ms"),)

    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at_ms: Mapped[int]
    received_at: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    link_id: Mapped[str | None] = mapped_column(String(48), index=True)
    exam: Mapped[str | None] = mapped_column(String(8))
    body: Mapped[dict[str, Any]]


class EventCursor(Table):
    """How far a box's events are here without a gap."""

    __tablename__ = "event_cursor"

    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    committed: Mapped[int]


class AuditEntry(Table):
    """Who did what, each entry naming the hash of the one before."""

    __tablename__ = "audit_entry"

    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int]
    who: Mapped[str] = mapped_column(String(80))
    what: Mapped[str] = mapped_column(String(48))
    about: Mapped[str] = mapped_column(String(80))
    detail: Mapped[dict[str, Any]]
    prev: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
