"""Statuses and comments: within the standard's ranges, and readable where they appear."""

from __future__ import annotations

import pytest

from bocage_edge.receive.answer import MAX_COMMENT_CHARACTERS, Answer

LONGEST_PARTNER = "p" * 32
RANGES = (
    range(0x0001),
    range(0x0110, 0x0111),
    range(0x0117, 0x0118),
    range(0x0122, 0x0123),
    range(0x0124, 0x0125),
    range(0xA700, 0xA800),
    range(0xA900, 0xAA00),
    range(0xC000, 0xD000),
)

# Of DIMSE-N, and a failure reason of storage commitment.
NORMALIZED = {0x0110, 0x0112, 0x0115, 0x0118, 0x0123, 0x0131, 0x0213}
OF_COMMITMENT = [
    answer for answer in Answer if answer.name.startswith(("COMMITMENT", "UNKNOWN", "NO_COMMIT"))
]


@pytest.mark.parametrize("answer", Answer)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_comment_fits_where_it_goes(answer: Answer, language: str) -> None:
    """LO in the default repertoire: ASCII, no backslash, no control character, 64 at most."""
    whole = str(answer.value[1 if language == "fr" else 2]).format(partner=LONGEST_PARTNER)
    assert len(whole) <= MAX_COMMENT_CHARACTERS
    comment = answer.comment(language, partner=LONGEST_PARTNER)
    assert comment == whole
    assert comment.isascii()
    assert comment.isprintable() or answer is Answer.STORED
    assert "\\" not in comment
    assert bool(comment) is not answer.is_success


@pytest.mark.parametrize("answer", [each for each in Answer if each not in OF_COMMITMENT])
def test_a_status_is_one_of_the_storage_service(answer: Answer) -> None:
    """PS3.4 table B.2-1, PS3.7 9.1.1.1.9."""
    assert any(answer.status in statuses for statuses in RANGES)


@pytest.mark.parametrize("answer", OF_COMMITMENT)
def test_a_status_of_storage_commitment_is_one_of_dimse_n(answer: Answer) -> None:
    """PS3.7 10.1.4.1.10, annex C; PS3.3 C.14.1.1."""
    assert answer.status in NORMALIZED


def test_the_partner_is_named() -> None:
    """The technologist must know whom to call."""
    assert Answer.NOT_CONFIRMED.comment("en", partner="caen-1") == "Partner caen-1 is not confirmed"
