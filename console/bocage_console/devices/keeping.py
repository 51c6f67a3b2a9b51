"""Boxes in the database: places for them, and shutting one out."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.database.tables import Device, FormerIdentity, Outgoing, Site
from bocage_console.desired.ordering import order_for_partners
from bocage_console.errors import ConflictError, UnknownError

AWAITED, ACTIVE, FENCED, RETIRED = "awaited", "active", "fenced", "retired"


def add_device(session: Session, now: float, who: str, name: str, site: str) -> None:
    """Make the place for a box at a site.

    Raises:
        UnknownError: no such site.
        ConflictError: the name is taken.
    """
    if session.get(Site, site) is None:
        raise UnknownError(f"there is no site {site}", "see: bocage-console site list")
    if session.get(Device, name) is not None:
        raise ConflictError(f"there is a box {name} already")
    session.add(Device(id=name, site_id=site, state=AWAITED))
    record(session, now, who, "box awaited", name, site=site)


def find_device(session: Session, name: str) -> Device:
    """Give a box's row.

    Raises:
        UnknownError: there is none of that name.
    """
    found = session.get(Device, name)
    if found is None:
        raise UnknownError(f"there is no box {name}", "see: bocage-console device list")
    return found


def fence(session: Session, now: float, who: str, name: str, reason: str) -> None:
    """Shut a box out: its identity never comes back, its partners are told to drop it.

    The broker's list and the gate read the same row; nothing else has to be told.

    Raises:
        UnknownError: no such box.
        ConflictError: it has no identity to shut out.
    """
    device = find_device(session, name)
    if device.identity is None:
        raise ConflictError(f"box {name} is not enrolled: there is nothing to shut out")
    session.add(
        FormerIdentity(
            identity=device.identity,
            session_key=device.session_key,
            device_id=name,
            fenced_at=int(now),
            reason=reason,
        )
    )
    device.state, device.identity, device.card = FENCED, None, None
    device.session_key = device.unlock = None
    device.unlocked_boot = device.asking_boot = device.allowed_boot = device.doubled_at = None
    device.card_serial = 0
    session.execute(delete(Outgoing).where(Outgoing.device_id == name))
    record(session, now, who, "box fenced", name, reason=reason)
    order_for_partners(session, now, who, name, f"{name} was fenced")


def allow_unlock(session: Session, now: float, who: str, name: str) -> None:
    """Let the box that is asking have its unlock secret for this boot, wherever it calls from.

    Raises:
        UnknownError: no such box.
        ConflictError: it asks for nothing.
    """
    device = find_device(session, name)
    if device.asking_boot is None:
        raise ConflictError(f"box {name} does not ask to be unlocked")
    device.allowed_boot, device.asking_boot = device.asking_boot, None
    record(session, now, who, "unlock allowed", name)


def retire(session: Session, now: float, who: str, name: str) -> None:
    """Take a box out of service for good, after its keys were destroyed.

    Raises:
        UnknownError, ConflictError: as `fence`; or it is retired already.
    """
    device = find_device(session, name)
    if device.state == RETIRED:
        raise ConflictError(f"box {name} is retired already")
    if device.identity is not None:
        fence(session, now, who, name, "retired")
    device.state = RETIRED
    record(session, now, who, "box retired", name)
