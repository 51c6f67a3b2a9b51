from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.errors import SignatureError
from bocage_contract.fleet.enrolment import (
    ALPHABET,
    PIN_BITS,
    SECRET_BITS,
    CodeError,
    EnrolmentCode,
    SessionKey,
    bind_session_key,
    pin_of,
    read_code,
    verify_session_key,
)
from tests.contract.keys import identity, public

CODES = st.builds(
    EnrolmentCode,
    st.integers(0, (1 << SECRET_BITS) - 1),
    st.integers(0, (1 << PIN_BITS) - 1),
)
CODE = EnrolmentCode(secret=0x2A_5555_0123_4567_89AB, pin=0xFEDC_BA98_7654_3210_ABCD)


@given(CODES)
def test_a_code_is_read_back(code: EnrolmentCode) -> None:
    assert read_code(code.text) == code


def test_a_code_is_read_however_it_is_typed() -> None:
    sloppy = CODE.text.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert read_code(f" {sloppy}\n") == CODE


def test_every_single_mistyped_character_of_this_code_is_told() -> None:
    digits = CODE.text.replace("-", "")
    for place, digit in enumerate(digits):
        other = ALPHABET[(ALPHABET.index(digit) + 11) % len(ALPHABET)]
        with pytest.raises(CodeError):
            read_code(digits[:place] + other + digits[place + 1 :])


@given(st.text(max_size=60))
def test_what_is_no_code_is_refused_without_repeating_it(typed: str) -> None:
    try:
        code = read_code(typed)
    except CodeError as error:
        assert len(typed) < 8 or typed not in str(error)
    else:
        assert read_code(code.text) == code


def test_a_code_never_shows_its_secret_by_accident() -> None:
    assert str(CODE.secret) not in f"{CODE!r} {CODE}"
    assert str(CODE.secret) not in CODE.secret_hash


def test_a_code_pins_one_authority() -> None:
    code = EnrolmentCode(1, pin_of(b"the console's key"))
    assert code.pins(b"the console's key")
    assert not code.pins(b"another key")


IDENTITY, STRANGER = identity(1), identity(2)
SPKI = b"a TLS key"


def binding(spki: bytes, key: Ed25519PrivateKey = IDENTITY) -> bytes:
    bound = SessionKey(spki_sha256=hashlib.sha256(spki).hexdigest(), made_at=1_790_000_000)
    return bind_session_key(bound, key.sign, public(key))


def test_the_identity_vouches_for_the_session_key() -> None:
    assert verify_session_key(binding(SPKI), public(IDENTITY), SPKI).made_at == 1_790_000_000


def test_a_session_key_of_somebody_else_is_refused() -> None:
    with pytest.raises(SignatureError):
        verify_session_key(binding(b"another"), public(IDENTITY), SPKI)
    with pytest.raises(SignatureError):
        verify_session_key(binding(SPKI, STRANGER), public(IDENTITY), SPKI)
