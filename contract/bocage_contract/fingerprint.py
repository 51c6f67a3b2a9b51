"""An identity as six words that two people can read to each other on the telephone.

Six words of a list of 2,048 are 66 bits. So that nobody grinds keys until the words fit, the words
come from a slow hash of the key: 2^66 scrypts are out of reach. Source: RFC 7914; BIP-39 word lists
(French and English: no two words of a list share their first four letters).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from mnemonic import Mnemonic

WORDS = 6
_BITS_A_WORD = 11
_SCRYPT_N = 1 << 14
_SCRYPT_MEMORY_BYTES = 64 << 20

Language = Literal["fr", "en"]
_LISTS: dict[Language, str] = {"fr": "french", "en": "english"}


def fingerprint(identity: bytes) -> str:
    """Name an identity: SHA-256 of its public key, 64 hex digits."""
    return hashlib.sha256(identity).hexdigest()


def words(identity: bytes, language: Language = "fr") -> tuple[str, ...]:
    """Give the six words of an identity.

    Args:
        identity: Ed25519 public key, 32 bytes.
    """
    number = int.from_bytes(_slow_hash(identity), "big")
    listed = _list(language)
    mask = (1 << _BITS_A_WORD) - 1
    return tuple(listed[(number >> (_BITS_A_WORD * place)) & mask] for place in range(WORDS))


def matches(identity: bytes, typed: str) -> bool:
    """Say whether somebody typed the six words of this identity, in either language.

    Case, accents and separators do not matter; four letters of a word are enough.
    """
    got = [_plain(word)[:4] for word in typed.replace("-", " ").split()]
    return any(got == _short(words(identity, language)) for language in _LISTS)


@lru_cache(maxsize=64)
def _slow_hash(identity: bytes) -> bytes:
    return hashlib.scrypt(
        identity,
        salt=b"bocage fingerprint words 1",
        n=_SCRYPT_N,
        r=8,
        p=1,
        maxmem=_SCRYPT_MEMORY_BYTES,
        dklen=9,
    )


@lru_cache(maxsize=2)
def _list(language: Language) -> tuple[str, ...]:
    return tuple(Mnemonic(_LISTS[language]).wordlist)


def _short(listed: Sequence[str]) -> list[str]:
    return [_plain(word)[:4] for word in listed]


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.lower())
    return "".join(letter for letter in decomposed if letter.isalpha() and letter.isascii())
