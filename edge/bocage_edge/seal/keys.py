"""Opening and recovery keys, and the paper code that unwraps an opening key.

A key is an age X25519 identity. A wrapped key is JSON with one slot for each way to unwrap it:

    {"bocage": "wrapped key", "version": 1, "slots": [{"kind": "paper", "data": base64 age file}]}

A slot is "paper" (the site's paper code) or "gate" (32 random bytes, in base64, which the console
gives back once a boot). Its data is an age file with the passphrase (scrypt) recipient, so that
`age -d` with the code as it was printed opens it as well.

Source: design, "Sealing and keys"; https://c2sp.org/age
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TypedDict

import pyrage

from bocage_edge.errors import SealError
from bocage_edge.seal.age import parse_identity
from bocage_edge.seal.errors import NotForUsError
from bocage_edge.seal.passphrase import open_with_passphrase, seal_with_passphrase

VERSION = 1
PAPER, GATE = "paper", "gate"
GATE_BYTES = 32
# Crockford's Base32: no I, L, O, U.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_CHARS = 26  # 130 bits
CHECK_CHARS = 2
GROUP_CHARS = 4
_READ_AS = str.maketrans("ILO", "110")
_BETWEEN = re.compile(r"[\s\-_.\u00b7\u2013\u2014]+")


class _Slot(TypedDict):
    kind: str
    data: bytes


class PaperCodeError(SealError):
    """What was typed is not a paper code; the message says how, and holds none of it."""


class WrongCodeError(SealError):
    """A well-formed paper code that opens nothing here: it is another box's, or an old one."""


@dataclass(frozen=True, slots=True)
class AgeKey:
    """A key pair. The secret never leaves the box but on paper."""

    secret: str  # AGE-SECRET-KEY-1…
    recipient: str  # age1…

    def __repr__(self) -> str:
        """Show the public half only."""
        return f"AgeKey(recipient={self.recipient!r})"


def new_key() -> AgeKey:
    """Make an opening or recovery key."""
    identity = pyrage.x25519.Identity.generate()
    return AgeKey(str(identity), str(identity.to_public()))


def recipient_of(secret: str) -> str:
    """Give the public half of a key.

    Raises:
        SealError: it is no key; the message does not hold it.
    """
    parse_identity(secret)
    return str(pyrage.x25519.Identity.from_str(secret.strip()).to_public())


def new_paper_code() -> str:
    """Make a code for the site's safe: seven groups of four, the last two characters a check."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))
    return _grouped(body + _check_of(body))


def read_paper_code(typed: str) -> str:
    """Bring what a person typed into the form it was printed in.

    Case, spaces and dashes do not matter; I and L are read as 1, O as 0.

    Raises:
        PaperCodeError: too short or long, a character no code has, or mistyped.
    """
    code = _BETWEEN.sub("", typed).upper().translate(_READ_AS)
    wanted = CODE_CHARS + CHECK_CHARS
    if len(code) != wanted:
        raise PaperCodeError(f"a paper code has {wanted} characters, this has {len(code)}")
    if not set(code) <= set(ALPHABET):
        raise PaperCodeError("a paper code has digits and letters only, and no U")
    body, check = code[:CODE_CHARS], code[CODE_CHARS:]
    if check != _check_of(body):
        raise PaperCodeError("a character is mistyped", "read the code again, group by group")
    return _grouped(code)


def wrap(opening_secret: str, paper_code: str) -> bytes:
    """Wrap a key so that the paper code opens it.

    Raises:
        SealError: the key is none.
        PaperCodeError: the code is none.
    """
    parse_identity(opening_secret)
    return _whole([_slot(PAPER, opening_secret, read_paper_code(paper_code))])


def with_gate(wrapped: bytes, opening_secret: str, gate_secret: bytes) -> bytes:
    """Add the slot the console's gate opens; one that was there is replaced.

    Raises:
        SealError: this is no wrapped key, or the secret is no secret of the gate.
    """
    parse_identity(opening_secret)
    others = [slot for slot in _slots(wrapped) if slot["kind"] != GATE]
    return _whole([*others, _slot(GATE, opening_secret, _typed(gate_secret))])


def unwrap(wrapped: bytes, paper_code: str) -> str:
    """Give the key that `wrap` wrapped.

    Raises:
        PaperCodeError: what was typed is not a paper code.
        WrongCodeError: it is one, but opens no slot.
        SealError: this is no wrapped key.
    """
    secret = _unwrapped(wrapped, PAPER, read_paper_code(paper_code))
    if secret is None:
        raise WrongCodeError("this paper code does not open the key", "is it the code of this box?")
    return secret


def unwrap_by_gate(wrapped: bytes, gate_secret: bytes) -> str:
    """Give the key, by the secret the console keeps for this box.

    Raises:
        WrongCodeError: the secret opens no slot.
        SealError: this is no wrapped key, or the secret is no secret of the gate.
    """
    secret = _unwrapped(wrapped, GATE, _typed(gate_secret))
    if secret is None:
        raise WrongCodeError("what the gate gave does not open the key", "enrol the box again")
    return secret


def _unwrapped(wrapped: bytes, kind: str, passphrase: str) -> str | None:
    for slot in _slots(wrapped):
        if slot["kind"] != kind:
            continue
        try:
            secret = open_with_passphrase(slot["data"], passphrase).decode("ascii")
        except NotForUsError:
            continue
        parse_identity(secret)
        return secret
    return None


def _typed(gate_secret: bytes) -> str:
    if len(gate_secret) != GATE_BYTES:
        raise SealError("an unlock secret of the gate has 32 bytes")
    return b64encode(gate_secret).decode("ascii")


def _slot(kind: str, opening_secret: str, passphrase: str) -> _Slot:
    return {"kind": kind, "data": seal_with_passphrase(opening_secret.encode(), passphrase)}


def _whole(slots: list[_Slot]) -> bytes:
    written = [
        {"kind": slot["kind"], "data": b64encode(slot["data"]).decode("ascii")} for slot in slots
    ]
    whole = {"bocage": "wrapped key", "version": VERSION, "slots": written}
    return json.dumps(whole, sort_keys=True).encode()


def _slots(wrapped: bytes) -> list[_Slot]:
    try:
        slots = json.loads(wrapped)["slots"]
        return [
            {"kind": str(slot["kind"]), "data": b64decode(slot["data"], validate=True)}
            for slot in slots
        ]
    except (ValueError, KeyError, TypeError):
        raise SealError("this is not a wrapped key") from None


def _check_of(body: str) -> str:
    first = int.from_bytes(hashlib.sha256(b"bocage paper code 1\n" + body.encode()).digest()[:2])
    return ALPHABET[first >> 5 & 31] + ALPHABET[first & 31]


def _grouped(code: str) -> str:
    return "-".join(code[at : at + GROUP_CHARS] for at in range(0, len(code), GROUP_CHARS))
