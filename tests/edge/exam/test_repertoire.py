"""Texts from one repertoire to another; what pydicom reads is what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes

from bocage_edge.exam.heard import decoded, encodings
from bocage_edge.exam.repertoire import Written, encoded, written

NAME = "Lefèvre^Éloïse"
LATIN = NAME.encode("latin-1")


def by_pydicom(value: bytes, character_set: bytes) -> str:
    """Read as another implementation does."""
    terms = convert_encodings(character_set.decode().split("\\"))
    return decode_bytes(value, terms, {ord("^"), ord("=")})


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        (b"", "Doe^Jane"),
        (b"ISO_IR 6", "Doe^Jane"),
        (b"ISO_IR 100", NAME),
        (b"ISO_IR 101", "Wałęsa^Łukasz"),
        (b"ISO_IR 144", "\u041b\u044e\u043a^\u0410"),
        (b"ISO_IR 192", "Cœur^Zoë^王"),
        (b"GB18030", "Cœur^Zoë^王"),
        (b"\\ISO 2022 IR 100", NAME),
        (b"ISO 2022 IR 6\\ISO 2022 IR 100", NAME),
        (b"ISO 2022 IR 100\\ISO 2022 IR 144", f"{NAME}=\u041b\u044e\u043a^\u0410"),
        (b"\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (b"\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
    ],
)
def test_a_name_is_written_as_others_read_it(character_set: bytes, name: str) -> None:
    value = encoded(name, character_set)
    assert value is not None
    assert by_pydicom(value, character_set) == name


def test_a_chinese_name_is_that_of_the_standard() -> None:
    """PS3.5 Annex K; pydicom does not read it back."""
    value = encoded("Zhang^XiaoDong=张^小东", b"\\ISO 2022 IR 58")
    assert value == b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"


@pytest.mark.parametrize(
    ("character_set", "name"),
    [(b"", NAME), (b"ISO_IR 6", NAME), (b"ISO_IR 100", "Cœur"), (b"NO_ONE", "Zoé")],
)
def test_what_a_repertoire_lacks_is_not_written(character_set: bytes, name: str) -> None:
    """Neither cut nor with a question mark."""
    assert encoded(name, character_set) is None


@pytest.mark.parametrize(
    ("own", "raw", "there", "expected"),
    [
        (b"ISO_IR 100", LATIN, b"ISO_IR 100", Written(LATIN, b"ISO_IR 100")),
        (b"ISO_IR 100", LATIN, b"ISO_IR 192", Written(NAME.encode(), b"ISO_IR 192")),
        (b"ISO_IR 192", NAME.encode(), b"ISO_IR 100", Written(LATIN, b"ISO_IR 100")),
        # A data set without letters beyond ASCII takes on the hospital's repertoire.
        (b"ISO_IR 100", LATIN, b"", Written(LATIN, b"ISO_IR 100")),
        (b"ISO_IR 192", NAME.encode(), b"ISO_IR 6", Written(NAME.encode(), b"ISO_IR 192")),
        (
            b"\\ISO 2022 IR 100",
            b"Lef\x1b-A\xe8vre^\x1b-A\xc9lo\xefse",
            b"ISO_IR 100",
            Written(LATIN, b"ISO_IR 100"),
        ),
        # Another one is extended: its own texts stay as they are.
        (
            b"ISO_IR 100",
            LATIN,
            b"ISO_IR 144",
            Written(b"\x1b-ALef\xe8vre^\x1b-A\xc9lo\xefse", b"ISO 2022 IR 144\\ISO 2022 IR 100"),
        ),
        (
            b"ISO_IR 192",
            NAME.encode(),
            b"ISO_IR 144",
            Written(b"\x1b-ALef\xe8vre^\x1b-A\xc9lo\xefse", b"ISO 2022 IR 144\\ISO 2022 IR 100"),
        ),
    ],
)
def test_a_name_goes_into_another_data_set(
    own: bytes, raw: bytes, there: bytes, expected: Written
) -> None:
    found = written(NAME, raw, own, there)
    assert found == expected
    assert by_pydicom(found.value, found.character_set) == NAME


def test_where_no_way_is_known_nothing_is_written() -> None:
    """GBK cannot be extended, and no older repertoire has this letter."""
    assert written("Œuvre", "Œuvre".encode(), b"ISO_IR 192", b"GBK") is None
    assert written("Œuvre", "Œuvre".encode(), b"ISO_IR 192", b"ISO_IR 100") is None


@given(
    st.text(max_size=20).map(lambda text: text.replace("\\", "").strip(" \0")),
    st.sampled_from(
        [b"", b"ISO_IR 100", b"ISO_IR 101", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"GB18030"]
    ),
    st.sampled_from([b"", b"ISO_IR 100", b"ISO_IR 192", b"ISO_IR 13", b"\\ISO 2022 IR 149"]),
)
def test_whatever_is_written_is_read_again(text: str, own: bytes, there: bytes) -> None:
    raw = encoded(text, own)
    if raw is None:
        return
    found = written(text, raw, own, there)
    if found is not None:
        assert decoded(found.value, encodings(found.character_set.decode())) == text
