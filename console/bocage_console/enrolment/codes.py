"""Codes: single use, short-lived, counted; their secret is kept nowhere."""

from __future__ import annotations

import secrets

from sqlalchemy import update
from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.database.tables import EnrolmentCode as CodeRow
from bocage_console.devices.keeping import RETIRED, find_device
from bocage_console.errors import ConflictError
from bocage_contract.fleet.enrolment import SECRET_BITS, EnrolmentCode, pin_of

VALID_S = 3600


def make_code(
    session: Session,
    now: float,
    who: str,
    device: str,
    authority_spki: bytes,
    *,
    valid_s: int = VALID_S,
) -> EnrolmentCode:
    """Make a code for a box, new or in the place of one; an earlier code for it is void.

    Args:
        authority_spki: what the code pins.

    Raises:
        UnknownError: no such box.
        ConflictError: it is retired.
    """
    if find_device(session, device).state == RETIRED:
        raise ConflictError(f"box {device} is retired", "give the new box a name of its own")
    code = EnrolmentCode(secrets.randbits(SECRET_BITS), pin_of(authority_spki))
    session.execute(
        update(CodeRow)
        .where(CodeRow.device_id == device, CodeRow.spent_at.is_(None))
        .values(spent_at=int(now))
    )
    session.add(
        CodeRow(
            secret_hash=code.secret_hash,
            device_id=device,
            made_by=who,
            made_at=int(now),
            expires_at=int(now) + valid_s,
        )
    )
    record(session, now, who, "enrolment code made", device, valid_s=valid_s)
    return code


def device_of(session: Session, now: float, secret: int) -> str | None:
    """Name the box a secret is for; None: spent, expired, or never made."""
    found = session.get(CodeRow, EnrolmentCode(secret, 0).secret_hash)
    if found is None or found.spent_at is not None or found.expires_at <= now:
        return None
    return found.device_id


def spend(session: Session, now: float, secret: int) -> None:
    """Use a code up."""
    found = session.get_one(CodeRow, EnrolmentCode(secret, 0).secret_hash)
    found.spent_at = int(now)
