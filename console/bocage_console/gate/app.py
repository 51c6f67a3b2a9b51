"""The gate as a Flask application; TLS is whoever serves it.

Who calls is told by the certificate of its TLS session, which the server has verified against our
authority and put into the environment; its key is compared with the one enrolled, so that neither
an earlier certificate of the same name nor a fenced box gets any further.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID
from flask import Flask, Response, abort, request
from pydantic import Field
from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.authority.certificates import spki_sha256
from bocage_console.database.opening import Database
from bocage_console.database.tables import Device, EnrolmentRequest
from bocage_console.devices.keeping import ACTIVE
from bocage_console.enrolment.asking import AGAIN_AFTER_S, GRANTED, PENDING, ask
from bocage_console.enrolment.codes import device_of
from bocage_console.gate.rate import Limiter
from bocage_console.gate.unlock import Asking, Verdict, judge
from bocage_console.sites.keeping import profile_of
from bocage_contract.canonical import canonical_json
from bocage_contract.errors import MessageError
from bocage_contract.fleet.closed import BootId
from bocage_contract.fleet.enrolment import (
    SECRET_BITS,
    EnrolmentGranted,
    EnrolmentPending,
    EnrolmentRefused,
)
from bocage_contract.fleet.enrolment import EnrolmentRequest as Asked
from bocage_contract.model import Model
from bocage_system import logs
from bocage_system.clock import Clock

MAX_REQUEST_BYTES = 64 * 1024
# Where the server puts the peer's certificate, PEM; empty or missing: it showed none.
CERTIFICATE = "SSL_CLIENT_CERT"
T = TypeVar("T", bound=Model)
_log = logs.get("gate")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the gate works with.

    Args:
        authority: certificate of the authority, PEM.
        broker, gate: HOST:PORT that boxes are told.
        keyset: gives the keyset in force, exact bytes.
    """

    database: Database
    clock: Clock
    authority: str
    broker: str
    gate: str
    keyset: Callable[[], bytes]


class NameRequest(Model):
    """A box that asks which box it is to be."""

    secret: int = Field(ge=0, lt=1 << SECRET_BITS)


class UnlockRequest(Model):
    """A box that wants its unlock secret for this boot."""

    boot: BootId


def create_app(around: Surroundings) -> Flask:
    """Make the application."""
    app = Flask("bocage_gate", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    gate = _Gate(around)
    app.add_url_rule("/v1/authority", view_func=gate.authority, methods=["GET"])
    app.add_url_rule("/v1/enrolment/name", view_func=gate.name, methods=["POST"])
    app.add_url_rule("/v1/enrolment", view_func=gate.enrol, methods=["POST"])
    app.add_url_rule("/v1/enrolment/<ticket>", view_func=gate.answer, methods=["GET"])
    app.add_url_rule("/v1/unlock", view_func=gate.unlock, methods=["POST"])
    app.after_request(_close)
    return app


class _Gate:
    """The views."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        # A mistyped code is tried again by hand; a guesser has 2^70 codes before it.
        self._tries = Limiter(burst=10, per_minute=6)

    def authority(self) -> Response:
        return Response(self._around.authority, mimetype="application/x-pem-file")

    def name(self) -> Response:
        """Tell a box with a good code which box it is to be, before it makes its card."""
        if not self._may_try():
            return _json(EnrolmentRefused(reason="rate"), 429)
        asked = _read(NameRequest)
        with self._around.database.reading() as session:
            device = device_of(session, self._now(), asked.secret)
        if device is None:
            return _json(EnrolmentRefused(reason="code"), 403)
        return _raw({"device": device}, 200)

    def enrol(self) -> Response:
        if not self._may_try():
            return _json(EnrolmentRefused(reason="rate"), 429)
        asked = _read(Asked)
        with self._around.database.writing() as session:
            answer = ask(session, self._now(), asked, _caller())
        return _json(answer, 202 if isinstance(answer, EnrolmentPending) else 403)

    def answer(self, ticket: str) -> Response:
        """Say what became of a request; its ticket is 128 random bits only the box knows."""
        with self._around.database.reading() as session:
            found = session.get(EnrolmentRequest, ticket)
            if found is None:
                return _json(EnrolmentRefused(reason="code"), 404)
            if found.state == PENDING:
                return _json(EnrolmentPending(ticket=ticket, again_after_s=AGAIN_AFTER_S), 202)
            if found.state != GRANTED or found.certificate is None:
                return _json(EnrolmentRefused(reason="operator"), 403)
            return _json(self._granted(found.device_id, found.certificate), 200)

    def unlock(self) -> Response:
        """Give a box its unlock secret, if the rules allow it; whatever happens is audited."""
        asked = _read(UnlockRequest)
        with self._around.database.writing() as session:
            device = _enrolled(session)
            verdict = self._judge(session, device, asked.boot)
            if device is None:
                return _raw({"refused": verdict.value}, 403)
            what = f"unlock {verdict.value}"
            record(session, self._now(), "gate", what, device.id, address=_caller())
            if verdict is not Verdict.GRANTED or device.unlock is None:
                device.asking_boot = asked.boot
                _log.warning("not unlocked", device=device.id, verdict=verdict.value)
                return _raw({"refused": verdict.value}, 403)
            device.unlocked_boot, device.asking_boot = asked.boot, None
            secret = base64.b64encode(device.unlock).decode()
        return _raw({"unlock": secret}, 200)

    def _judge(self, session: Session, device: Device | None, boot: str) -> Verdict:
        at_home = device is not None and profile_of(session, device.site_id).is_known(_caller())
        return judge(
            Asking(
                is_active=device is not None,
                boot=boot,
                last_boot=None if device is None else device.unlocked_boot,
                is_at_home=at_home,
                is_doubled=device is not None and device.doubled_at is not None,
                allowed_boot=None if device is None else device.allowed_boot,
            )
        )

    def _granted(self, device: str, certificate: str) -> EnrolmentGranted:
        around = self._around
        return EnrolmentGranted(
            device=device,
            certificate=certificate,
            authority=around.authority,
            broker=around.broker,
            gate=around.gate,
            keyset=base64.b64encode(around.keyset()).decode(),
        )

    def _may_try(self) -> bool:
        return self._tries.may_try(_caller(), self._around.clock.monotonic())

    def _now(self) -> float:
        return self._around.clock.now()


def _enrolled(session: Session) -> Device | None:
    """Give the box whose certificate was shown, if its key is the one enrolled."""
    pem = request.environ.get(CERTIFICATE)
    if not pem:
        return None
    certificate = x509.load_pem_x509_certificate(pem.encode())
    key = certificate.public_key()
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names or not isinstance(key, Ed25519PublicKey):
        return None
    device = session.get(Device, str(names[0].value), with_for_update=True)
    if device is None or device.state != ACTIVE or device.session_key != spki_sha256(key):
        return None
    return device


def _read(kind: type[T]) -> T:
    try:
        return kind.read(request.get_data())
    except MessageError:
        abort(_json(EnrolmentRefused(reason="malformed"), 400))


def _caller() -> str:
    return request.remote_addr or "unknown"


def _json(answer: Model, status: int) -> Response:
    return _raw(answer.to_json(), status)


def _raw(value: dict[str, object], status: int) -> Response:
    return Response(canonical_json(value), status, mimetype="application/json")


def _close(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
