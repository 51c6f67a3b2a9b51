from __future__ import annotations

import pyrage
import pytest

from bocage_edge.errors import SealError
from bocage_edge.seal.keys import (
    ALPHABET,
    PaperCodeError,
    WrongCodeError,
    new_key,
    new_paper_code,
    read_paper_code,
    recipient_of,
    unwrap,
    wrap,
)

CODE = "B0CA-GE1V-VTES-TC0D-E234-5678-9085"


def test_a_code_is_read_however_it_is_typed() -> None:
    sloppy = CODE.lower().replace("-", "  ").replace("0", "o").replace("1", "l")
    assert read_paper_code(f" {sloppy}\n") == read_paper_code(CODE.replace("-", "")) == CODE


def test_codes_differ() -> None:
    assert len({new_paper_code() for _ in range(50)}) == 50


def test_every_single_mistyped_character_of_this_code_is_told() -> None:
    code = CODE.replace("-", "")
    for place, char in enumerate(code):
        other = ALPHABET[(ALPHABET.index(char) + 7) % len(ALPHABET)]
        typed = code[:place] + other + code[place + 1 :]
        with pytest.raises(PaperCodeError) as caught:
            read_paper_code(typed)
        assert typed not in str(caught.value)


@pytest.mark.parametrize("typed", ["", CODE[:-1], CODE + "0", CODE[:-1] + "U", "é" * 28])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(PaperCodeError):
        read_paper_code(typed)


def test_a_wrapped_key_is_opened_by_its_code_only() -> None:
    key = new_key()
    wrapped = wrap(key.secret, CODE)
    assert key.secret.encode() not in wrapped
    assert unwrap(wrapped, CODE.lower()) == key.secret
    with pytest.raises(WrongCodeError):
        unwrap(wrapped, new_paper_code())


@pytest.mark.parametrize("wrapped", [b"", b"{}", b'{"slots": [1]}', b"[]", b"\xff"])
def test_what_is_no_wrapped_key_is_refused(wrapped: bytes) -> None:
    with pytest.raises(SealError):
        unwrap(wrapped, CODE)


def test_nonsense_is_not_wrapped() -> None:
    with pytest.raises(SealError):
        wrap("AGE-SECRET-KEY-1NONSENSE", CODE)


def test_a_key_shows_its_public_half_only() -> None:
    key = new_key()
    assert key.secret not in repr(key)
    assert recipient_of(key.secret) == key.recipient
    assert str(pyrage.x25519.Identity.from_str(key.secret).to_public()) == key.recipient
