"""The box's side of the console's gate: HTTPS, one question at a time.

The first question goes to a server nobody vouches for yet: it gives its authority's certificate,
and only one whose key the enrolment code pins is believed. Every later question is verified
against that certificate, which then lies on the box.

Source: RFC 9110; RFC 8446; design, "Enrolment".
"""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bocage_contract.fleet.enrolment import EnrolmentCode
from bocage_contract.reach import host_and_port
from bocage_edge.errors import EdgeError

TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 256 * 1024


class GateError(EdgeError):
    """The gate cannot be reached, or is not who it must be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gate said.

    Args:
        status: of HTTP.
        value: the JSON object; empty where there was none.
    """

    status: int
    value: dict[str, Any]


def fetch_authority(endpoint: str, code: EnrolmentCode) -> str:
    """Get the certificate of the console's authority, PEM, from whoever listens there.

    Raises:
        GateError: nobody answers, or it is not the console the code was made by.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    raw = _ask(endpoint, context, "GET", "/v1/authority", None)[1]
    try:
        key = x509.load_pem_x509_certificate(raw).public_key()
    except ValueError:
        raise GateError(f"{endpoint} is no console", "compare the address") from None
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if not code.pins(spki):
        raise GateError(
            f"{endpoint} is not the console this code was made by",
            "compare address and code; if both are right, somebody stands in between",
        )
    return raw.decode()


class Gate:
    """A gate whose authority is known."""

    def __init__(
        self, endpoint: str, authority: str, session: tuple[Path, Path] | None = None
    ) -> None:
        """Remember where it is.

        Args:
            authority: certificate, PEM.
            session: private key and certificate that are shown; None: a box that has none yet.

        Raises:
            GateError: a file cannot be used.
        """
        self._endpoint = endpoint
        try:
            self._context = ssl.create_default_context(cadata=authority)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_3
            if session is not None:
                key, certificate = session
                self._context.load_cert_chain(certificate, key)
        except (OSError, ValueError) as error:
            raise GateError(f"the session files cannot be used: {error}") from error

    def get(self, path: str) -> Answer:
        """Ask for something.

        Raises:
            GateError: it does not answer, or is not vouched for.
        """
        return _answer(*_ask(self._endpoint, self._context, "GET", path, None))

    def post(self, path: str, value: dict[str, Any]) -> Answer:
        """Say something.

        Raises:
            GateError: as `get`.
        """
        body = json.dumps(value).encode()
        return _answer(*_ask(self._endpoint, self._context, "POST", path, body))


def _ask(
    endpoint: str, context: ssl.SSLContext, method: str, path: str, body: bytes | None
) -> tuple[int, bytes]:
    host, port = host_and_port(endpoint)
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        raw = response.read(MAX_ANSWER_BYTES + 1)
        status = response.status
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message
        raise GateError(f"{endpoint} is not the box's console: {reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise GateError(f"{endpoint} does not answer: {error}", "is the line up?") from error
    finally:
        connection.close()
    if len(raw) > MAX_ANSWER_BYTES:
        raise GateError(f"{endpoint} answers more than any gate does")
    return status, raw


def _answer(status: int, raw: bytes) -> Answer:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = {}
    return Answer(status, value if isinstance(value, dict) else {})
