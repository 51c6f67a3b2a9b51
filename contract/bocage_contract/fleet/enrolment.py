"""How a new box becomes one of the fleet: the code, what the box asks, what it is answered.

The code is single use and short-lived. It holds a secret and the pin of the console's certification
authority, so that the very first connection is to the console the operator stands at, or to none.
It travels as text, as a QR, or in the enrolment file on the card's boot partition.

Source: design, "Enrolment"; Crockford's base 32 (no I, L, O, U).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.canonical import canonical_json
from bocage_contract.errors import ContractError, SignatureError
from bocage_contract.fleet.closed import Seconds, SignedText, Software, Upward
from bocage_contract.model import Model
from bocage_contract.names import DeviceId, Endpoint, Hex32, Hex64, PublicKey
from bocage_contract.signing import Signer, open_envelope, seal_envelope

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_BITS = 70
PIN_BITS = 80
_CHECK_BITS = 10
_DIGITS = (SECRET_BITS + PIN_BITS + _CHECK_BITS) // 5
_GROUP = 4
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})

BINDING_TYPE = "bocage.session-key"
_PEM = r"^-----BEGIN [A-Z ]{1,32}-----\n[A-Za-z0-9+/=\n]{1,8000}-----END [A-Z ]{1,32}-----\n$"
Pem = Annotated[str, Field(max_length=8192, pattern=_PEM)]


class CodeError(ContractError):
    """What was typed is not an enrolment code."""


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A code, as numbers.

    Args:
        secret: 70 bits, told to the console; proves that the operator let this box in.
        pin: the first 80 bits of the SHA-256 of the authority's public key (SubjectPublicKeyInfo).
    """

    secret: int
    pin: int

    def __repr__(self) -> str:
        return f"EnrolmentCode(pin={self.pin:#x})"

    @property
    def text(self) -> str:
        """The code as people read and type it: eight groups of four."""
        number = self.secret << PIN_BITS | self.pin
        number = number << _CHECK_BITS | _check(number)
        digits = "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(_DIGITS)))
        return "-".join(digits[at : at + _GROUP] for at in range(0, _DIGITS, _GROUP))

    @property
    def secret_hash(self) -> str:
        """What the console keeps of it: SHA-256 of the secret, 64 hex digits."""
        return hashlib.sha256(b"bocage enrolment %d" % self.secret).hexdigest()

    def pins(self, public_key: bytes) -> bool:
        """Say whether the code is of the authority with this public key.

        Args:
            public_key: SubjectPublicKeyInfo, DER.
        """
        return pin_of(public_key) == self.pin


def pin_of(public_key: bytes) -> int:
    """Give the pin of an authority: 80 bits.

    Args:
        public_key: SubjectPublicKeyInfo, DER (RFC 5280, 4.1.2.7).
    """
    return int.from_bytes(hashlib.sha256(public_key).digest()[: PIN_BITS // 8], "big")


def read_code(typed: str) -> EnrolmentCode:
    """Read a code however it was typed: case, spaces and hyphens do not matter.

    Raises:
        CodeError: not a code, or mistyped; it says so without repeating what was typed.
    """
    digits = "".join(each for each in typed.upper().translate(_READ_AS) if each not in "- \t\r\n")
    if len(digits) != _DIGITS or any(each not in ALPHABET for each in digits):
        raise CodeError(f"an enrolment code has {_DIGITS} letters and digits, in groups of four")
    number = 0
    for each in digits:
        number = number << 5 | ALPHABET.index(each)
    number, check = number >> _CHECK_BITS, number & (1 << _CHECK_BITS) - 1
    if check != _check(number):
        raise CodeError("this enrolment code is mistyped: compare it with the console's page")
    return EnrolmentCode(number >> PIN_BITS, number & (1 << PIN_BITS) - 1)


def _check(number: int) -> int:
    raw = number.to_bytes((SECRET_BITS + PIN_BITS + 7) // 8, "big")
    return int.from_bytes(hashlib.sha256(b"bocage code" + raw).digest()[:2], "big") >> 6


class EnrolmentFile(Model):
    """What lies on the boot partition of a new card: `bocage-enrolment.json`."""

    contract: int = CONTRACT
    console: Endpoint
    code: str = Field(max_length=60)


class SessionKey(Upward):
    """The identity's word for the key of the box's TLS sessions; the identity stays in keeper."""

    spki_sha256: Hex64 = Field(description="Of the TLS key's SubjectPublicKeyInfo, DER.")
    made_at: Seconds


def bind_session_key(key: SessionKey, signer: Signer, identity: bytes) -> bytes:
    """Sign the binding with the box's identity."""
    return seal_envelope(BINDING_TYPE, canonical_json(key.to_json()), signer, identity)


def verify_session_key(raw: bytes, identity: bytes, spki: bytes) -> SessionKey:
    """Check that the box with this identity vouches for a TLS key.

    Args:
        spki: SubjectPublicKeyInfo of the TLS key, DER.

    Raises:
        SignatureError: it does not, or for another key.
        MessageError: not a binding.
    """
    key = SessionKey.read(open_envelope(raw, BINDING_TYPE, {identity}))
    if key.spki_sha256 != hashlib.sha256(spki).hexdigest():
        raise SignatureError("the box vouches for another session key")
    return key


class EnrolmentRequest(Upward):
    """What a box asks with its code. Since contract 1."""

    contract: int = CONTRACT
    secret: int = Field(ge=0, lt=1 << SECRET_BITS, description="Of the code.")
    card: SignedText
    csr: Pem = Field(description="PKCS #10 (RFC 2986) for the key of the box's TLS sessions.")
    binding: SignedText = Field(description="The identity's word for that key.")
    unlock: PublicKey = Field(description="32 random bytes the gate gives back once a boot.")
    software: Software


class EnrolmentPending(Model):
    """The operator has not decided yet; ask again with the ticket."""

    state: Literal["pending"] = "pending"
    ticket: Hex32
    again_after_s: int = Field(ge=1, le=600)


class EnrolmentRefused(Model):
    """It will not be: the code is spent or the operator said no."""

    state: Literal["refused"] = "refused"
    reason: Literal["code", "operator", "rate", "malformed", "contract"]


class EnrolmentGranted(Model):
    """The box is one of the fleet. Since contract 1."""

    state: Literal["granted"] = "granted"
    contract: int = CONTRACT
    device: DeviceId
    certificate: Pem
    authority: Pem
    broker: Endpoint
    gate: Endpoint
    keyset: SignedText


EnrolmentAnswer = Annotated[
    EnrolmentPending | EnrolmentRefused | EnrolmentGranted, Field(discriminator="state")
]
