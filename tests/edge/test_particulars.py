"""Who an exam is of comes back as it was, and only with the box's own key."""

from __future__ import annotations

import pytest

from bocage_edge.particulars import open_particulars, seal_particulars
from bocage_edge.seal.errors import BrokenSealError, NotForUsError
from bocage_edge.seal.keys import new_key

NOTED = {
    0x00080005: b"ISO_IR 100",
    0x00100010: "Lefèvre^Zoé ".encode("latin-1"),
    0x00100020: b"P-17\0",
    0x00280010: b"\1\0",
}


def test_what_was_sealed_is_read_again() -> None:
    key = new_key()
    found = open_particulars(seal_particulars(NOTED, key.recipient), [key.secret])
    assert found.text("PatientName") == "Lefèvre^Zoé"
    assert found.values["PatientID"] == b"P-17"
    assert found.text("AccessionNumber") == ""
    assert "Rows" not in found.values


@pytest.mark.parametrize(
    ("repertoire", "name", "shown"),
    [
        (b"ISO_IR 192", "Zoé".encode(), "Zoé"),
        (b"\\ISO 2022 IR 100", "\x1b-AZoé".encode("latin-1"), "Zoé"),
        (b"NOT_ONE", b"Zoe", "Zoe"),
        (b"ISO_IR 192", b"Zo\xe9", "Zo\ufffd"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*")
def test_text_is_read_in_its_repertoire(repertoire: bytes, name: bytes, shown: str) -> None:
    key = new_key()
    noted = {0x00080005: repertoire, 0x00100010: name}
    found = open_particulars(seal_particulars(noted, key.recipient), [key.secret])
    assert found.text("PatientName") == shown


def test_nobody_else_opens_it_and_no_byte_may_change() -> None:
    key = new_key()
    sealed = seal_particulars(NOTED, key.recipient)
    assert b"Lef" not in sealed
    with pytest.raises(NotForUsError):
        open_particulars(sealed, [new_key().secret])
    with pytest.raises(BrokenSealError):
        open_particulars(sealed[:-1] + bytes([sealed[-1] ^ 1]), [key.secret])
