"""The handshake: two honest sides, and everything that is not the confirmed partner."""

from __future__ import annotations

import base64
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.canonical import canonical_json
from bocage_contract.signing import to_be_signed
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.hello import (
    TRANSITIONS,
    Expected,
    Handshake,
    HandshakeState,
    Hello,
    Opened,
    Side,
    SignThis,
    transcript_digest,
)
from bocage_edge.relay.proof import HELLO_TYPE, is_signed_hello
from bocage_edge.relay.wire import HEADER, FrameType

KEYS = {
    "hospital": Ed25519PrivateKey.from_private_bytes(b"h" * 32),
    "practice": Ed25519PrivateKey.from_private_bytes(b"p" * 32),
    "stranger": Ed25519PrivateKey.from_private_bytes(b"s" * 32),
}


def identity(who: str) -> bytes:
    return KEYS[who].public_key().public_bytes_raw()


def hello(who: str, side: Side, *, link: str = "l", device: str = "", nonce: int = 1) -> Hello:
    return Hello(
        side=side,
        device=device or who,
        link=link,
        identity=base64.b64encode(identity(who)).decode(),
        nonce=base64.b64encode(bytes([nonce]) * 32).decode(),
    )


def handshake(who: str, side: Side, awaits: str, **more: int) -> Handshake:
    return Handshake(
        hello(who, side, **more),  # type: ignore[arg-type]
        Expected(awaits, "l", identity(awaits)),
        is_signed_hello,
    )


def sign(who: str, digest: bytes) -> bytes:
    return KEYS[who].sign(to_be_signed(HELLO_TYPE, digest))


def cut(frame: bytes) -> tuple[FrameType, bytes]:
    return FrameType(frame[4]), frame[HEADER.size :]


def hello_frame(sent: Hello) -> tuple[FrameType, bytes]:
    return FrameType.HELLO, canonical_json(sent.to_json())


def test_two_confirmed_partners_open() -> None:
    dialler = handshake("hospital", "dialler", "practice")
    listener = handshake("practice", "listener", "hospital", nonce=2)
    assert dialler.greeted(1) == b""
    listener_hello = listener.greeted(1)

    dialler_hello, todo = dialler.on_frame(*cut(listener_hello))
    assert isinstance(todo, SignThis)
    proof = dialler.proof(sign("hospital", todo.digest))

    assert listener.on_frame(*cut(dialler_hello)) == (b"", None)
    _, todo = listener.on_frame(*cut(proof))
    assert isinstance(todo, SignThis)
    assert listener.is_open

    _, opened = dialler.on_frame(*cut(listener.proof(sign("practice", todo.digest))))
    assert isinstance(opened, Opened)
    assert opened.partner.device == "practice"
    assert dialler.is_open


def waiting(state: HandshakeState) -> Handshake:
    dialler = handshake("hospital", "dialler", "practice")
    if state is not HandshakeState.PREAMBLE:
        dialler.greeted(1)
    if state in (HandshakeState.PROOF, HandshakeState.OPEN):
        dialler.on_frame(*hello_frame(hello("practice", "listener")))
    if state is HandshakeState.OPEN:
        dialler.on_frame(FrameType.PROOF, good_proof())
    return dialler


def good_proof(signer: str = "practice", side: Side = "listener", version: int = 1) -> bytes:
    own = canonical_json(hello("hospital", "dialler").to_json())
    partner = canonical_json(hello("practice", "listener").to_json())
    return sign(signer, transcript_digest(version, side, own, partner))


@pytest.mark.parametrize(("state", "kind"), list(product(HandshakeState, FrameType)))
def test_each_state_takes_its_frame_and_no_other(state: HandshakeState, kind: FrameType) -> None:
    bodies = {
        FrameType.HELLO: hello_frame(hello("practice", "listener"))[1],
        FrameType.PROOF: good_proof(),
    }
    made = waiting(state)
    body = bodies.get(kind, bytes(64))
    if (state, kind) in TRANSITIONS:
        made.on_frame(kind, body)
        assert made.state is TRANSITIONS[state, kind]
    else:
        with pytest.raises(RelayProtocolError) as caught:
            made.on_frame(kind, body)
        assert caught.value.fault is Fault.WRONG_STATE


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (hello("stranger", "listener", device="practice"), Fault.WRONG_IDENTITY),
        (hello("practice", "listener", link="other"), Fault.WRONG_LINK),
        (hello("practice", "listener", device="other"), Fault.WRONG_LINK),
        (hello("practice", "dialler"), Fault.WRONG_STATE),
    ],
)
def test_a_hello_of_somebody_else_is_refused(sent: Hello, fault: Fault) -> None:
    with pytest.raises(RelayProtocolError) as caught:
        waiting(HandshakeState.HELLO).on_frame(*hello_frame(sent))
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    "proof",
    [
        good_proof("stranger"),
        good_proof(side="dialler"),  # our own proof sent back to us
        good_proof(version=2),  # made for another version
        bytes(64),
    ],
)
def test_a_proof_that_does_not_fit_is_refused(proof: bytes) -> None:
    with pytest.raises(RelayProtocolError) as caught:
        waiting(HandshakeState.PROOF).on_frame(FrameType.PROOF, proof)
    assert caught.value.fault is Fault.BAD_PROOF


def test_a_proof_of_an_earlier_connection_is_refused() -> None:
    dialler = handshake("hospital", "dialler", "practice", nonce=9)
    dialler.greeted(1)
    dialler.on_frame(*hello_frame(hello("practice", "listener")))
    with pytest.raises(RelayProtocolError):
        dialler.on_frame(FrameType.PROOF, good_proof())


def test_our_own_hello_sent_back_is_refused() -> None:
    dialler = waiting(HandshakeState.HELLO)
    with pytest.raises(RelayProtocolError):
        dialler.on_frame(*hello_frame(hello("hospital", "dialler")))


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"not json", b'{"side": "listener"}', b"\xff" * 40, b"[" * 8000]
)
def test_a_hello_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(RelayProtocolError) as caught:
        waiting(HandshakeState.HELLO).on_frame(FrameType.HELLO, body)
    assert caught.value.fault is Fault.BAD_FRAME


def test_fields_of_a_later_version_are_passed_over() -> None:
    raw = canonical_json({**hello("practice", "listener").to_json(), "later": [1, 2]})
    _, todo = waiting(HandshakeState.HELLO).on_frame(FrameType.HELLO, raw)
    assert isinstance(todo, SignThis)


def test_a_listener_signs_nothing_before_the_dialler_has_proved() -> None:
    listener = handshake("practice", "listener", "hospital")
    listener.greeted(1)
    assert listener.on_frame(*hello_frame(hello("hospital", "dialler"))) == (b"", None)
    with pytest.raises(RelayProtocolError):
        listener.on_frame(FrameType.PROOF, bytes(64))
