"""Six words on the telephone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage_contract.fingerprint import Language, fingerprint, matches, words
from tests.contract.keys import identity, public

KEY = public(identity(1))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_words_are_six_and_always_the_same(language: Language) -> None:
    """Both sites read the same words, today and after an update."""
    assert len(words(KEY, language)) == 6
    assert words(KEY, language) == words(bytes(KEY), language)


def test_the_words_never_change() -> None:
    """A pinned example: people have written them down."""
    assert " ".join(words(KEY, "fr")) == "biberon peser soudure essayer tambour juteux"
    assert " ".join(words(KEY, "en")) == "bronze resist thing fold trap matrix"


@settings(max_examples=10)
@given(st.binary(min_size=32, max_size=32))
def test_another_key_has_other_words(other: bytes) -> None:
    """The words of one key do not confirm another."""
    if other != KEY:
        assert not matches(other, " ".join(words(KEY, "fr")))


def test_typing_is_forgiving_about_form_only() -> None:
    """Case, accents, hyphens and word ends do not matter; each word does."""
    for language in ("fr", "en"):
        right = words(KEY, language)
        assert matches(KEY, " ".join(right).upper())
        assert matches(KEY, "-".join(right))
        assert matches(KEY, "  ".join(word[:4] for word in right))
        assert not matches(KEY, " ".join(right[:5]))
        assert not matches(KEY, " ".join(reversed(right)))
    assert not matches(KEY, "")


def test_a_fingerprint_is_a_sha256() -> None:
    """The audience of a configuration."""
    assert len(fingerprint(KEY)) == 64
    assert fingerprint(KEY) != fingerprint(public(identity(2)))
