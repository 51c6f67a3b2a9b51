"""A box asks with its code; what it brings is checked before anybody is troubled with it."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.authority.certificates import read_request, spki_of
from bocage_console.database.tables import Device, EnrolmentRequest, FormerIdentity
from bocage_console.enrolment.codes import device_of, spend
from bocage_console.errors import ConsoleError
from bocage_contract.card import Card, open_card
from bocage_contract.errors import ContractError
from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.enrolment import (
    EnrolmentPending,
    EnrolmentRefused,
    verify_session_key,
)
from bocage_contract.fleet.enrolment import EnrolmentRequest as Asked

AGAIN_AFTER_S = 3
PENDING, GRANTED, REFUSED = "pending", "granted", "refused"


@dataclass(frozen=True, slots=True)
class Brought:
    """What a box brought, checked."""

    card: Card
    session_key: Ed25519PublicKey


def ask(
    session: Session, now: float, asked: Asked, address: str
) -> EnrolmentPending | EnrolmentRefused:
    """Take a box's request.

    Args:
        address: where it called from, for the operator who decides.
    """
    device = device_of(session, now, asked.secret)
    if device is None:
        record(session, now, "gate", "enrolment refused", address, reason="code")
        return EnrolmentRefused(reason="code")
    try:
        brought = read_brought(asked, device)
        _is_new(session, brought, device)
    except (ContractError, ConsoleError) as error:
        record(session, now, "gate", "enrolment refused", device, reason=str(error)[:200])
        return EnrolmentRefused(reason="malformed")
    spend(session, now, asked.secret)
    ticket = secrets.token_hex(16)
    session.add(
        EnrolmentRequest(
            ticket=ticket,
            device_id=device,
            state=PENDING,
            identity=fingerprint(brought.card.identity_key),
            card=asked.card,
            csr=asked.csr,
            unlock=base64.b64decode(asked.unlock),
            software=asked.software,
            address=address,
            asked_at=int(now),
        )
    )
    record(session, now, "gate", "enrolment asked", device, address=address)
    return EnrolmentPending(ticket=ticket, again_after_s=AGAIN_AFTER_S)


def read_brought(asked: Asked, device: str) -> Brought:
    """Check a request: the card is signed by its identity, which vouches for the session key.

    Raises:
        ContractError, ConsoleError: it does not hold together.
    """
    card = open_card(base64.b64decode(asked.card))
    if card.device != device:
        raise ConsoleError(f"the box calls itself {card.device}, the code is for {device}")
    key = read_request(asked.csr)
    if not isinstance(key, Ed25519PublicKey):
        raise ConsoleError("a box's session key is Ed25519")
    verify_session_key(base64.b64decode(asked.binding), card.identity_key, spki_of(key))
    return Brought(card, key)


def _is_new(session: Session, brought: Brought, device: str) -> None:
    identity = fingerprint(brought.card.identity_key)
    if session.get(FormerIdentity, identity) is not None:
        raise ConsoleError("this identity was fenced and never comes back")
    taken = session.scalars(
        select(Device.id).where(Device.identity == identity, Device.id != device)
    ).first()
    if taken is not None:
        raise ConsoleError(f"this identity is that of {taken}")
