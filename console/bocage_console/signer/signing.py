"""Taking orders: compile from the rows, sign, put out. The signer believes rows, not documents.

An order names a box and why; what is signed is made here, from the approved rows, so that whoever
can write an order cannot have any text signed. One order is one transaction: the revision is
counted, kept and put out together.
"""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.database.opening import Database
from bocage_console.database.tables import Command as CommandRow
from bocage_console.database.tables import Device, Outgoing, Revision, SigningOrder
from bocage_console.desired.compiling import compile_desired
from bocage_console.desired.ordering import COMMAND, box_seen
from bocage_console.errors import ConsoleError
from bocage_contract.configuration import open_desired, seal_desired
from bocage_contract.errors import ContractError
from bocage_contract.fleet.commands import Command, seal_command
from bocage_contract.fleet.topics import Down
from bocage_system import logs

LOOK_EVERY_S = 1.0
_WHO = "signer"
_log = logs.get("signer")


class SignerUnit:
    """Signs what is ordered, one order after the other."""

    def __init__(self, database: Database, key: Ed25519PrivateKey) -> None:
        """Hold the key; it leaves this object only as signatures."""
        self._database = database
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    def step(self, now: float) -> int:
        """Take every waiting order; gives how many there were.

        Args:
            now: Unix seconds.
        """
        with self._database.reading() as session:
            waiting = list(
                session.scalars(
                    select(SigningOrder.id)
                    .where(SigningOrder.done_at.is_(None))
                    .order_by(SigningOrder.id)
                )
            )
        for number in waiting:
            self._take(number, now)
        return len(waiting)

    def _take(self, number: int, now: float) -> None:
        with self._database.writing() as session:
            order = session.get(SigningOrder, number, with_for_update=True)
            if order is None or order.done_at is not None:
                return
            order.done_at = int(now)
            try:
                with session.begin_nested():
                    act = self._command if order.what == COMMAND else self._configuration
                    act(session, order, now)
            except (ConsoleError, ContractError) as error:
                order.fault = str(error)[:2000]
                _log.warning("not signed", device=order.device_id, what=order.what)

    def _configuration(self, session: Session, order: SigningOrder, now: float) -> None:
        box, links = box_seen(session, order.device_id)
        device = session.get_one(Device, order.device_id)
        revision = device.revision + 1
        desired = compile_desired(box, links, revision=revision, issued_at=int(now))
        envelope = seal_desired(desired, self._key.sign, self._public)
        # As the box will: what it would refuse is not put out.
        open_desired(envelope, {self._public}, box.audience, at_least_revision=revision)
        device.revision = revision
        session.add(
            Revision(
                device_id=order.device_id,
                revision=revision,
                envelope=envelope,
                asked_by=order.asked_by,
                reason=order.reason,
                signed_at=int(now),
                state="signed",
            )
        )
        self._put_out(session, order.device_id, Down.DESIRED, envelope, now)
        record(
            session, now, _WHO, "configuration signed", order.device_id,
            revision=revision, asked_by=order.asked_by, reason=order.reason,
        )  # fmt: skip
        _log.info("signed", device=order.device_id, revision=revision)

    def _command(self, session: Session, order: SigningOrder, now: float) -> None:
        box, _ = box_seen(session, order.device_id)
        device = session.get_one(Device, order.device_id)
        device.command_counter += 1
        command = Command.of(
            {
                "id": secrets.token_hex(16),
                "audience": box.audience,
                "counter": device.command_counter,
                "issued_at": int(now),
                "act": order.command,
            }
        )
        session.add(
            CommandRow(
                id=command.id,
                device_id=order.device_id,
                counter=command.counter,
                act=command.act.to_json(),
                asked_by=order.asked_by,
                signed_at=int(now),
            )
        )
        envelope = seal_command(command, self._key.sign, self._public)
        self._put_out(session, order.device_id, Down.COMMAND, envelope, now)
        record(
            session, now, _WHO, "command signed", order.device_id,
            kind=command.act.kind, counter=command.counter, asked_by=order.asked_by,
        )  # fmt: skip

    @staticmethod
    def _put_out(session: Session, device: str, leaf: Down, payload: bytes, now: float) -> None:
        session.add(Outgoing(device_id=device, leaf=leaf.value, payload=payload, made_at=int(now)))
