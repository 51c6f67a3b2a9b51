"""Becoming one of a fleet: with a code from the console, and six words read over the telephone.

The box shows its card and asks for a certificate of a key made for its TLS sessions; its identity
signs that this key is its own, and stays where it is. What comes back (certificate, the fleet's
keyset, where the console is) is checked before anything is written, and written before it counts.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from pydantic import TypeAdapter, ValidationError

from bocage_contract.canonical import canonical_json
from bocage_contract.fleet.enrolment import (
    EnrolmentAnswer,
    EnrolmentCode,
    EnrolmentGranted,
    EnrolmentPending,
    EnrolmentRefused,
    EnrolmentRequest,
    SessionKey,
    bind_session_key,
)
from bocage_contract.reach import ConsoleReach
from bocage_edge.configuration import load_card, load_keyset, verify_keyset
from bocage_edge.errors import ConfigError
from bocage_edge.gate import Answer, Gate, GateError, fetch_authority
from bocage_edge.implementation import VERSION
from bocage_edge.keeper.keys import load_keys
from bocage_edge.paths import Box
from bocage_edge.seal.keys import GATE_BYTES, unwrap, with_gate
from bocage_edge.units import parse_owners
from bocage_system.durable import read_limited, write_atomic

_MAX_WRAPPED_BYTES = 64 << 10
_MAX_OWNERS_BYTES = 4096
_ANSWER: TypeAdapter[EnrolmentPending | EnrolmentRefused | EnrolmentGranted] = TypeAdapter(
    EnrolmentAnswer
)
_REFUSALS = {
    "code": "the code is spent, has expired or was never made: ask for a new one",
    "operator": "the operator said no",
    "rate": "too many tries from here: wait a minute",
    "malformed": "the console does not take what this box brought: is its release older?",
    "contract": "the console speaks another contract: bring both up to date",
}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A box that asks, with what it made for it.

    Args:
        session: the key of its TLS sessions.
        unlock: 32 random bytes the gate will give back once a boot.
    """

    session: Ed25519PrivateKey
    unlock: bytes


def name_of(endpoint: str, code: EnrolmentCode) -> tuple[str, str]:
    """Ask which box this one is to be; gives (name, the authority's certificate).

    Raises:
        GateError: nobody answers there, or not the console of the code.
        ConfigError: the code is not good.
    """
    authority = fetch_authority(endpoint, code)
    answer = Gate(endpoint, authority).post("/v1/enrolment/name", {"secret": code.secret})
    name = answer.value.get("device")
    if answer.status != 200 or not isinstance(name, str):
        raise ConfigError(_refusal(answer))
    return name, authority


def ask(
    box: Box, endpoint: str, authority: str, code: EnrolmentCode, now: float
) -> tuple[Newcomer, str]:
    """Show the card and ask to be let in; gives what was made for it and the ticket.

    Args:
        now: Unix seconds.

    Raises:
        GateError, ConfigError, KeeperError: it cannot be asked.
    """
    newcomer = Newcomer(Ed25519PrivateKey.generate(), secrets.token_bytes(GATE_BYTES))
    request = _request(box, newcomer, code, now)
    answer = Gate(endpoint, authority).post("/v1/enrolment", request.to_json())
    found = _read(answer)
    if not isinstance(found, EnrolmentPending):
        raise ConfigError(_refusal(answer))
    return newcomer, found.ticket


def wait_granted(
    endpoint: str, authority: str, ticket: str, pause: Callable[[float], None]
) -> EnrolmentGranted:
    """Wait for the operator's decision.

    Args:
        pause: waits for seconds; ends the waiting by raising.

    Raises:
        ConfigError: the operator said no.
        GateError: the gate is not vouched for any more.
    """
    gate = Gate(endpoint, authority)
    while True:
        answer = gate.get(f"/v1/enrolment/{ticket}")
        found = _read(answer)
        if isinstance(found, EnrolmentGranted):
            return found
        if not isinstance(found, EnrolmentPending):
            raise ConfigError(_refusal(answer))
        pause(found.again_after_s)


def settle(
    box: Box, newcomer: Newcomer, granted: EnrolmentGranted, authority: str, paper_code: str
) -> None:
    """Check what was granted and keep it; from here on the box has a console.

    Args:
        paper_code: opens the opening key once more, to wrap it for the gate as well.

    Raises:
        ConfigError: what was granted does not fit; nothing was written.
        SealError: the paper code is wrong; nothing was written.
    """
    _check(box, newcomer, granted, authority)
    keyset = base64.b64decode(granted.keyset)
    held = load_keyset(box) if box.keyset.exists() else None
    if held is None or box.keyset.read_bytes() != keyset:
        verify_keyset(keyset, held)
    wrapped = read_limited(box.opening_wrapped, _MAX_WRAPPED_BYTES)
    opening = unwrap(wrapped, paper_code)
    owners = parse_owners(read_limited(box.owners, _MAX_OWNERS_BYTES).decode())
    agent, deliver, group = owners.uids["agent"], owners.uids["deliver"], owners.gid
    raw = newcomer.session.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    reach = canonical_json(ConsoleReach(broker=granted.broker, gate=granted.gate).to_json())
    for path, data, mode, owner in (
        (box.opening_wrapped, with_gate(wrapped, opening, newcomer.unlock), 0o600, deliver),
        (box.session_key, raw, 0o600, agent),
        (box.session_certificate, granted.certificate.encode(), 0o640, agent),
        (box.authority, authority.encode(), 0o640, agent),
        (box.reach, reach, 0o640, agent),
        (box.keyset, keyset, 0o640, os.getuid()),
    ):
        write_atomic(path, data, mode=mode)
        os.chown(path, owner, group)


def _request(box: Box, newcomer: Newcomer, code: EnrolmentCode, now: float) -> EnrolmentRequest:
    keys = load_keys(box)
    spki = newcomer.session.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    bound = SessionKey(spki_sha256=hashlib.sha256(spki).hexdigest(), made_at=int(now))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, load_card(box).device)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(newcomer.session, None)
    return EnrolmentRequest(
        secret=code.secret,
        card=_base64(read_limited(box.card, _MAX_WRAPPED_BYTES)),
        csr=csr.public_bytes(Encoding.PEM).decode(),
        binding=_base64(bind_session_key(bound, keys.sign, keys.identity_public)),
        unlock=_base64(newcomer.unlock),
        software=VERSION,
    )


def _check(box: Box, newcomer: Newcomer, granted: EnrolmentGranted, authority: str) -> None:
    device = load_card(box).device
    if granted.device != device:
        raise ConfigError(f"the console enrolled {granted.device}, this box is {device}")
    try:
        certificate = x509.load_pem_x509_certificate(granted.certificate.encode())
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.encode()))
    except (ValueError, TypeError, InvalidSignature) as error:
        raise ConfigError("the certificate is not of the console's authority") from error
    if certificate.public_key() != newcomer.session.public_key():
        raise ConfigError("the certificate is for another key")


def _read(answer: Answer) -> EnrolmentPending | EnrolmentRefused | EnrolmentGranted:
    try:
        return _ANSWER.validate_python(answer.value)
    except ValidationError:
        raise GateError(f"the gate answered {answer.status} and nothing we understand") from None


def _refusal(answer: Answer) -> str:
    reason = str(answer.value.get("reason", ""))
    return _REFUSALS.get(reason, f"the console refused it (status {answer.status})")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
