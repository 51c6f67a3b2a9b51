"""Who an exam is of: sealed to the box itself, the same whichever box sealed it."""

from __future__ import annotations

import pytest

from bocage_edge.audit.subject import Subject, open_subject, seal_subject
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.particulars import seal_particulars
from bocage_edge.seal.errors import NotForUsError
from bocage_edge.seal.keys import new_key

KEY = new_key()


def test_what_was_heard_comes_back_and_is_in_the_open_nowhere() -> None:
    heard = Identities(
        study_uid="1.2.3",
        accessions=(Issued("A1"), Issued("A2")),
        patients=(Issued("P1", "FLERS"), Issued("P2")),
        name="LEFÈVRE^Zoé=Œuvre",
    )
    sealed = seal_subject(heard, KEY.recipient)
    assert "LEFÈVRE".encode() not in sealed
    assert open_subject(sealed, [KEY.secret]) == Subject("1.2.3", "P1", "LEFÈVRE^Zoé=Œuvre", "A1")
    with pytest.raises(NotForUsError):
        open_subject(sealed, [new_key().secret])


def test_an_exam_that_says_nothing_of_itself() -> None:
    sealed = seal_subject(Identities(), KEY.recipient)
    assert open_subject(sealed, [KEY.secret]) == Subject("", "", "", "")


def test_particulars_of_an_accepted_exam_are_read_as_well() -> None:
    noted = {
        0x00080005: b"ISO_IR 100",
        0x0020000D: b"1.2.3\0",
        0x00100010: "LEFÈVRE^Zoé ".encode("latin-1"),
        0x00100020: b"P1",
    }
    sealed = seal_particulars(noted, KEY.recipient)
    assert open_subject(sealed, [KEY.secret]) == Subject("1.2.3", "P1", "LEFÈVRE^Zoé", "")
