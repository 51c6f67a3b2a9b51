"""Gathering the evidence of whether a box is there."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from bocage_console.database.tables import Said
from bocage_console.devices.presence import Evidence, Verdict, judge
from bocage_console.links.keeping import links_of
from bocage_contract.fleet.health import Health
from bocage_contract.fleet.topics import Up


def presence_of(session: Session, device: str, now: float) -> Verdict:
    """Judge whether a box is there, from what it and its partners said."""
    return judge(evidence_of(session, device), now)


def evidence_of(session: Session, device: str) -> Evidence:
    """Gather what is known of a box."""
    heard_at = session.scalar(
        select(func.max(Said.received_at)).where(Said.device_id == device, _is_its_own_word())
    )
    status = session.get(Said, (device, Up.STATUS.value))
    ended_at = None
    if status is not None and not status.body["online"]:
        ended_at = status.received_at
    return Evidence(
        heard_at=heard_at,
        session_ended_at=ended_at,
        partner_handshake_at=_seen_by_partners(session, device),
    )


def _is_its_own_word() -> ColumnElement[bool]:
    # A will is the broker's word, not the box's.
    own: ColumnElement[bool] = or_(Said.leaf != Up.STATUS.value, Said.body["online"].as_boolean())
    return own


def _seen_by_partners(session: Session, device: str) -> float | None:
    seen = []
    for link in links_of(session, device):
        partner = link.reading_id if link.requesting_id == device else link.requesting_id
        held = session.get(Said, (partner, Up.HEALTH.value))
        if held is None:
            continue
        seen += [
            held.received_at - tunnel.handshake_age_s
            for tunnel in Health.of(held.body).tunnels
            if tunnel.link == link.id and tunnel.handshake_age_s is not None
        ]
    return max(seen, default=None)
