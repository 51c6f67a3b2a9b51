"""Small age files that a passphrase opens, and what pyrage and the `age` format make of them."""

from __future__ import annotations

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage_edge.errors import SealError
from bocage_edge.seal.errors import BrokenSealError, NotForUsError
from bocage_edge.seal.passphrase import LOG_N, open_with_passphrase, seal_with_passphrase

CODE = "B0CA-GE1V-VTES-TC0D-E234-5678-9085"


@settings(max_examples=5)
@given(st.binary(max_size=300))
def test_what_we_seal_pyrage_opens_and_the_other_way_round(plain: bytes) -> None:
    """The format is age's own, whoever writes it."""
    sealed = seal_with_passphrase(plain, CODE)
    assert open_with_passphrase(sealed, CODE) == plain
    assert pyrage.passphrase.decrypt(sealed, CODE) == plain


def test_a_file_of_pyrage_is_opened() -> None:
    """What the first boxes were wrapped with."""
    assert open_with_passphrase(pyrage.passphrase.encrypt(b"key", CODE), CODE) == b"key"


def test_the_work_is_the_same_on_every_machine() -> None:
    """A busy moment must not make a file that an idle one refuses, nor the other way round."""
    assert b" %d\n" % LOG_N in seal_with_passphrase(b"key", CODE)


def test_another_passphrase_and_another_kind_of_file_open_nothing() -> None:
    """And say so without a word of what was typed."""
    sealed = seal_with_passphrase(b"key", CODE)
    with pytest.raises(NotForUsError) as caught:
        open_with_passphrase(sealed, "another")
    assert "another passphrase" in str(caught.value)
    to_a_key = pyrage.encrypt(b"key", [pyrage.x25519.Identity.generate().to_public()])
    with pytest.raises(NotForUsError):
        open_with_passphrase(to_a_key, CODE)


def test_every_changed_byte_is_noticed() -> None:
    """Header, wrapped key, nonce and payload."""
    sealed = seal_with_passphrase(b"key", CODE)
    for place in range(0, len(sealed), 7):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(SealError):
            open_with_passphrase(changed, CODE)
    with pytest.raises(SealError):
        open_with_passphrase(sealed[:-1], CODE)


@pytest.mark.parametrize("asked", [b"0", b"21", b"63", b"99999999", b"-1", b"x", b""])
def test_more_work_than_we_do_is_refused_unseen(asked: bytes) -> None:
    """A wrapped key that was tampered with does not fill the box's memory."""
    sealed = seal_with_passphrase(b"key", CODE)
    changed = sealed.replace(b" %d\n" % LOG_N, b" " + asked + b"\n", 1)
    with pytest.raises(BrokenSealError):
        open_with_passphrase(changed, CODE)


def test_what_is_too_large_is_not_sealed() -> None:
    """It is for keys."""
    with pytest.raises(SealError):
        seal_with_passphrase(bytes(65_537), CODE)
