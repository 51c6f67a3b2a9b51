from __future__ import annotations

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.seal import bech32


@given(st.binary(max_size=80))
def test_bytes_come_back(data: bytes) -> None:
    text = bech32.encode("age", data)
    assert bech32.decode(text) == bech32.decode(text.upper()) == ("age", data)


def test_keys_are_spelt_as_age_spells_them() -> None:
    identity = pyrage.x25519.Identity.generate()
    for text in (str(identity), str(identity.to_public())):
        prefix, data = bech32.decode(text)
        assert bech32.encode(prefix, data) == text.lower()


# BIP 173, "test vectors", and our own
@pytest.mark.parametrize(
    "text",
    [
        "pzry9x0s0muk",
        "1pzry9x0s0muk",
        "x1b4n0q5v",
        "li1dgmt3",
        "A1G7SGD8",
        "10a06t8",
        "1qzzfhee",
        "age1Qqq",
        "age1é",
    ],
)
def test_what_is_not_bech32_is_refused(text: str) -> None:
    with pytest.raises(bech32.Bech32Error):
        bech32.decode(text)


@pytest.mark.parametrize("text", ["A12UEL5L", "a12uel5l", "?1ezyfcl"])
def test_valid_vectors_of_bip_173_without_data_are_read(text: str) -> None:
    assert bech32.decode(text)[1] == b""
