"""What the two boxes tell and prove to each other before anything else. Pure.

        dialler                               listener
           | preamble                 preamble |        versions: the highest common one is spoken
           | <--------------- HELLO (listener) |        after the dialler's preamble
           | HELLO (dialler), PROOF ---------> |        after the listener's HELLO
           | <------------------------- PROOF  |        after the dialler's PROOF held
           |          open on both sides       |

A PROOF signs the transcript: the version spoken, both HELLOs as they were sent and the side that
signs. So a proof cannot be used on another connection (both nonces are in it), on another link, in
the other direction, or after an attacker took a version out of a preamble. The listener signs only
for somebody who has proved to be the partner.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from pydantic import Field

from bocage_contract.canonical import canonical_json, parse_canonical
from bocage_contract.errors import MessageError
from bocage_contract.model import Model
from bocage_contract.names import DeviceId, LinkId, PublicKey
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.wire import FrameType, encode_frame

Side = Literal["dialler", "listener"]
OTHER_SIDE: dict[Side, Side] = {"dialler": "listener", "listener": "dialler"}
NONCE_BYTES = 32
SIGNATURE_BYTES = 64
_LARGEST_NUMBER = (1 << 53) - 1


class Hello(Model):
    """One side's HELLO. Since version 1; unknown fields are passed over.

    The numbers named `partner_*` are what this box remembers of the other: a box that finds itself
    behind its partner's memory was restored from an old copy.
    """

    side: Side
    device: DeviceId
    link: LinkId
    identity: PublicKey
    nonce: PublicKey = Field(description="32 random bytes, base64.")
    epoch: int = Field(1, ge=1, le=_LARGEST_NUMBER)
    partner_epoch: int = Field(0, ge=0, le=_LARGEST_NUMBER)
    ledger: int = Field(0, ge=0, le=_LARGEST_NUMBER, description="Last entry of its own chain.")
    partner_ledger: int = Field(0, ge=0, le=_LARGEST_NUMBER)
    commit: int = Field(0, ge=0, le=_LARGEST_NUMBER, description="Last commit it signed.")
    partner_commit: int = Field(0, ge=0, le=_LARGEST_NUMBER)
    revision: int = Field(0, ge=0, le=_LARGEST_NUMBER, description="Of its configuration.")
    partner_revision: int = Field(0, ge=0, le=_LARGEST_NUMBER)
    streams: int = Field(1024, ge=128, le=65536, description="Open streams it takes at once.")

    @property
    def identity_key(self) -> bytes:
        """The identity's public key, 32 bytes."""
        return base64.b64decode(self.identity)


@dataclass(frozen=True, slots=True)
class Expected:
    """Whom this box awaits: the confirmed partner of one link."""

    device: str
    link: str
    identity: bytes


class HandshakeState(Enum):
    """What the handshake waits for."""

    PREAMBLE = "preamble"
    HELLO = "hello"
    PROOF = "proof"
    OPEN = "open"


# (state, frame) -> next state. The preamble is no frame: `greeted` makes that step.
TRANSITIONS: dict[tuple[HandshakeState, FrameType], HandshakeState] = {
    (HandshakeState.HELLO, FrameType.HELLO): HandshakeState.PROOF,
    (HandshakeState.PROOF, FrameType.PROOF): HandshakeState.OPEN,
}


@dataclass(frozen=True, slots=True)
class SignThis:
    """The shell must have this digest signed and give the signature to `proof`."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """The partner is who it must be."""

    partner: Hello


class Handshake:
    """One side of the handshake; frames in, what to do out."""

    def __init__(
        self, own: Hello, expected: Expected, is_signed: Callable[[bytes, bytes, bytes], bool]
    ) -> None:
        """Begin.

        Args:
            is_signed: (identity, signature, transcript digest) -> whether it fits.
        """
        self.state = HandshakeState.PREAMBLE
        self._own = own
        self._own_raw = canonical_json(own.to_json())
        self._expected = expected
        self._is_signed = is_signed
        self._version = 0
        self._partner: Hello | None = None
        self._partner_raw = b""

    def greeted(self, version: int) -> bytes:
        """The partner's preamble came; give what to send (the listener's HELLO goes first)."""
        self._version = version
        self.state = HandshakeState.HELLO
        return self._hello_frame() if self._own.side == "listener" else b""

    def on_frame(self, kind: FrameType, body: bytes) -> tuple[bytes, SignThis | Opened | None]:
        """Take one frame.

        Returns:
            Bytes to send now, and what the shell must do.

        Raises:
            RelayProtocolError: out of turn, or not the partner.
        """
        following = TRANSITIONS.get((self.state, kind))
        if following is None:
            raise RelayProtocolError(
                Fault.WRONG_STATE, f"{kind.name} while waiting for {self.state.value}"
            )
        answer = self._on_hello(body) if kind is FrameType.HELLO else self._on_proof(body)
        self.state = following
        return answer

    def proof(self, signature: bytes) -> bytes:
        """Give the PROOF frame that carries our signature."""
        return encode_frame(FrameType.PROOF, signature)

    @property
    def is_open(self) -> bool:
        """Whether the partner has proved who it is."""
        return self.state is HandshakeState.OPEN

    def _hello_frame(self) -> bytes:
        return encode_frame(FrameType.HELLO, self._own_raw)

    def _on_hello(self, body: bytes) -> tuple[bytes, SignThis | None]:
        partner = read_hello(body)
        check_hello(partner, self._expected, OTHER_SIDE[self._own.side])
        self._partner, self._partner_raw = partner, body
        if self._own.side == "listener":
            return b"", None
        return self._hello_frame(), SignThis(self._digest(self._own.side))

    def _on_proof(self, body: bytes) -> tuple[bytes, SignThis | Opened]:
        digest = self._digest(OTHER_SIDE[self._own.side])
        if not self._is_signed(self._expected.identity, body[:SIGNATURE_BYTES], digest):
            raise RelayProtocolError(Fault.BAD_PROOF, "the partner's signature does not fit")
        if self._own.side == "listener":
            return b"", SignThis(self._digest(self._own.side))
        return b"", Opened(self.partner)

    @property
    def partner(self) -> Hello:
        """The partner's HELLO; believed only once the state is OPEN."""
        if self._partner is None:
            raise RelayProtocolError(Fault.WRONG_STATE, "no HELLO yet")
        return self._partner

    def _digest(self, signer: Side) -> bytes:
        own_is_dialler = self._own.side == "dialler"
        dialler = self._own_raw if own_is_dialler else self._partner_raw
        listener = self._partner_raw if own_is_dialler else self._own_raw
        return transcript_digest(self._version, signer, dialler, listener)


def transcript_digest(version: int, signer: Side, dialler: bytes, listener: bytes) -> bytes:
    """Hash what a PROOF signs.

    Args:
        dialler: body of the dialler's HELLO, exact bytes; so `listener`.
    """
    return hashlib.sha256(
        canonical_json(
            {
                "version": version,
                "signer": signer,
                "dialler": hashlib.sha256(dialler).hexdigest(),
                "listener": hashlib.sha256(listener).hexdigest(),
            }
        )
    ).digest()


def read_hello(body: bytes) -> Hello:
    """Read a HELLO.

    Raises:
        RelayProtocolError: not canonical JSON, or a field breaks its bounds.
    """
    try:
        value = parse_canonical(body)
        if isinstance(value, dict):
            return Hello.of(value)
    except MessageError:
        pass
    raise RelayProtocolError(Fault.BAD_FRAME, "HELLO cannot be read")


def check_hello(partner: Hello, expected: Expected, side: Side) -> None:
    """Say whether a HELLO comes from whom we await; its proof is still to come.

    Raises:
        RelayProtocolError: another link, device, identity or side.
    """
    if partner.link != expected.link or partner.device != expected.device:
        raise RelayProtocolError(Fault.WRONG_LINK, "the partner speaks of another link or box")
    if partner.identity_key != expected.identity:
        raise RelayProtocolError(
            Fault.WRONG_IDENTITY, "the partner's identity is not the confirmed one"
        )
    if partner.side != side:
        raise RelayProtocolError(Fault.WRONG_STATE, f"the partner does not speak as {side}")
