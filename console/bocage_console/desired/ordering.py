"""Asking the signer for a new revision of a box, and what is seen of a box for it."""

from __future__ import annotations

import base64
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bocage_console.database.tables import Device, Link, SigningOrder
from bocage_console.desired.compiling import BoxSeen, LinkSeen
from bocage_console.errors import ConflictError, UnknownError
from bocage_console.links.keeping import conventions_of, links_of
from bocage_console.links.path import Path, Role
from bocage_console.sites.keeping import profile_of

CONFIGURATION, COMMAND = "configuration", "command"


def order_configuration(session: Session, now: float, who: str, device: str, reason: str) -> None:
    """Ask the signer for a box's next revision; one order waits at a time.

    Raises:
        UnknownError: no such box.
    """
    found = session.get(Device, device)
    if found is None:
        raise UnknownError(f"there is no box {device}", "see: bocage-console device list")
    if found.doubled_at is not None:
        raise ConflictError(
            f"two boxes seem to bear the identity of {device}: its configuration is frozen",
            "find out which is the true one, then enrol it anew",
        )
    waiting = session.scalars(
        select(SigningOrder).where(
            SigningOrder.device_id == device,
            SigningOrder.what == CONFIGURATION,
            SigningOrder.done_at.is_(None),
        )
    ).first()
    if waiting is not None:
        return
    session.add(
        SigningOrder(
            device_id=device, what=CONFIGURATION, asked_by=who, reason=reason, asked_at=int(now)
        )
    )


def order_for_link(session: Session, now: float, who: str, link: str, reason: str) -> None:
    """Ask for both ends of a link, as far as they are enrolled."""
    found = session.get(Link, link)
    if found is None:
        raise UnknownError(f"there is no link {link}", "see: bocage-console link list")
    for device in (found.requesting_id, found.reading_id):
        if is_active(session, device):
            order_configuration(session, now, who, device, reason)


def order_for_partners(session: Session, now: float, who: str, device: str, reason: str) -> None:
    """Ask for every box that has a link with this one."""
    for link in links_of(session, device):
        for end in {link.requesting_id, link.reading_id} - {device}:
            if is_active(session, end):
                order_configuration(session, now, who, end, reason)


def is_active(session: Session, device: str) -> bool:
    """Say whether a box is enrolled, not fenced, and one."""
    found = session.get(Device, device)
    return found is not None and found.state == "active" and found.doubled_at is None


def box_seen(session: Session, device: str) -> tuple[BoxSeen, list[LinkSeen]]:
    """Gather all a box's configuration is made of.

    Raises:
        UnknownError: no such box.
        ConflictError: it is not enrolled, so nobody knows whom to address.
    """
    found = session.get(Device, device)
    if found is None:
        raise UnknownError(f"there is no box {device}", "see: bocage-console device list")
    if found.identity is None or found.state != "active":
        raise ConflictError(f"box {device} is not enrolled", "make a code: bocage-console enrol")
    seen = BoxSeen(device, found.identity, profile_of(session, found.site_id))
    return seen, [_link_seen(session, link, device) for link in links_of(session, device)]


def _link_seen(session: Session, link: Link, device: str) -> LinkSeen:
    is_requesting = link.requesting_id == device
    role: Role = "requesting" if is_requesting else "reading"
    partner = link.reading_id if is_requesting else link.requesting_id
    return LinkSeen(
        link.id,
        role,
        partner,
        _card_of(session.get(Device, partner)),
        Path.of(link.path),
        conventions_of(session, link.id),
    )


def _card_of(partner: Device | None) -> dict[str, Any] | None:
    if partner is None or partner.card is None or partner.state != "active":
        return None
    card: dict[str, Any] = json.loads(base64.b64decode(partner.card))
    return card
