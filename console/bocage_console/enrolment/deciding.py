"""The operator's yes or no, after the six words were compared."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.authority.certificates import Authority, Role, pem_of, read_request, spki_sha256
from bocage_console.database.tables import EnrolmentRequest
from bocage_console.desired.ordering import order_configuration, order_for_partners
from bocage_console.devices.keeping import ACTIVE, fence, find_device
from bocage_console.enrolment.asking import GRANTED, PENDING, REFUSED
from bocage_console.errors import ConflictError, UnknownError
from bocage_contract.card import open_card
from bocage_contract.fingerprint import Language, words


@dataclass(frozen=True, slots=True)
class Waiting:
    """A box that waits for a decision, as the operator sees it."""

    ticket: str
    device: str
    words: tuple[str, ...]
    address: str
    asked_at: int
    software: str
    replaces: bool


def waiting(session: Session, language: Language = "fr") -> list[Waiting]:
    """List the boxes that wait, oldest first."""
    rows = session.scalars(
        select(EnrolmentRequest)
        .where(EnrolmentRequest.state == PENDING)
        .order_by(EnrolmentRequest.asked_at)
    )
    return [
        Waiting(
            row.ticket,
            row.device_id,
            words(open_card(base64.b64decode(row.card)).identity_key, language),
            row.address,
            row.asked_at,
            row.software,
            find_device(session, row.device_id).identity is not None,
        )
        for row in rows
    ]


def grant(session: Session, now: float, who: str, authority: Authority, ticket: str) -> str:
    """Let a box in; one that stood in its place is fenced first. Gives the box's name.

    Raises:
        UnknownError, ConflictError: no such request, or it is decided.
    """
    request = _open_request(session, ticket)
    device = find_device(session, request.device_id)
    if device.identity is not None and device.identity != request.identity:
        fence(session, now, who, device.id, "replaced")
    key = read_request(request.csr)
    card = open_card(base64.b64decode(request.card))
    certificate = authority.issue(key, device.id, Role.CLIENT, now)
    device.state = ACTIVE
    device.identity, device.card = request.identity, request.card
    device.card_serial = card.serial
    device.session_key, device.unlock = spki_sha256(key), request.unlock
    device.enrolled_at = int(now)
    device.command_counter = 0
    request.state, request.certificate = GRANTED, pem_of(certificate)
    request.decided_at, request.decided_by = int(now), who
    record(session, now, who, "box enrolled", device.id, identity=request.identity)
    session.flush()
    order_configuration(session, now, who, device.id, "enrolled")
    order_for_partners(session, now, who, device.id, f"{device.id} was enrolled")
    return device.id


def refuse(session: Session, now: float, who: str, ticket: str) -> None:
    """Say no to a box.

    Raises:
        UnknownError, ConflictError: as `grant`.
    """
    request = _open_request(session, ticket)
    request.state, request.decided_at, request.decided_by = REFUSED, int(now), who
    record(session, now, who, "enrolment refused", request.device_id, reason="operator")


def _open_request(session: Session, ticket: str) -> EnrolmentRequest:
    found = session.get(EnrolmentRequest, ticket, with_for_update=True)
    if found is None:
        raise UnknownError("there is no such request", "see: bocage-console enrol list")
    if found.state != PENDING:
        raise ConflictError(f"this request was {found.state} already")
    return found
