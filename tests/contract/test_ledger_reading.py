"""An exported ledger: what is whole is said to be, and every edit is found where it was made."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bocage_contract.ledger_fault import Word
from bocage_contract.ledger_reading import Export, read_export, section_entries
from tests.contract.edits import KINDS, missed
from tests.contract.exports import (
    CAEN,
    FLERS,
    OURS,
    STRANGER,
    THEIRS,
    chain_of,
    drafts,
    export_of,
    flers,
    raws_of,
)
from tests.contract.keys import public

OWN, HELD = raws_of(OURS, drafts(12, "received")), raws_of(THEIRS, drafts(9))
WHOLE = flers(OWN, HELD)
OLDER = flers(OWN[:8], HELD[:5])
OTHER = flers(raws_of(OURS, drafts(12, "received", 50)), raws_of(THEIRS, drafts(9, start=50)))
EDITS = 1000


def read(lines: Sequence[bytes], expected: bytes | None = None) -> Export:
    return read_export(lambda: iter(lines), expected=expected)


def test_a_whole_export_is_whole() -> None:
    for lines in (WHOLE, OLDER, export_of(FLERS, "flers-1", [])):
        assert read(lines).faults == []
    export = read(WHOLE, public(FLERS))
    section = export.section(OURS, "own")
    assert section is not None and section.is_whole
    assert [raw for raw, _ in section_entries(lambda: iter(WHOLE), section)] == OWN
    assert export.made_at == 1_800_000_000 and export.pins.pins[0].device == "caen-1"


def test_an_empty_file_is_cut_off() -> None:
    assert [fault.text for fault in read([]).faults] == ["file: cut off"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_edit_is_found_and_located(kind: str) -> None:
    """A sixth of a thousand each; none is missed, none is said to be elsewhere."""
    for seed in range(EDITS // len(KINDS) + 1):
        assert missed(WHOLE, (OLDER, OTHER), kind, seed) is None


@pytest.mark.parametrize("at", range(1, 13))
def test_an_edited_entry_is_named_by_its_number(at: int) -> None:
    """Whatever in it was changed: its body, its number, the link to the one before."""
    line = WHOLE.index(OWN[at - 1])
    for old, new in ((b'"number":', b'"numbes":'), (b'"n":%d' % at, b'"n":99'),
                     (b'"prev":"', b'"prev":"f'), (b'"kind":"r', b'"kind":"s')):  # fmt: skip
        changed = OWN[at - 1].replace(old, new)
        if new == b'"prev":"f':
            place = changed.index(new)
            changed = changed[: place + len(new)] + changed[place + len(new) + 1 :]
        if changed == OWN[at - 1]:
            continue
        found = read([*WHOLE[:line], changed, *WHOLE[line + 1 :]]).faults
        numbers = [(each.word, each.until or each.n) for each in found]
        assert (Word.CHANGED, at) in numbers, (at, new, [each.text for each in found])
        assert len(found) == 1


def test_entries_that_went_missing_are_one_run() -> None:
    line = WHOLE.index(OWN[2])
    (fault,) = read([*WHOLE[:line], *WHOLE[line + 4 :]]).faults
    assert (fault.word, fault.n, fault.until) == (Word.MISSING, 3, 6)
    assert fault.text == f"{OURS} (own), entries 3 to 6: missing"


def test_two_entries_that_changed_places_are_named() -> None:
    one, other = WHOLE.index(OWN[2]), WHOLE.index(OWN[8])
    lines = list(WHOLE)
    lines[one], lines[other] = lines[other], lines[one]
    assert {(each.word, each.n) for each in read(lines).faults} == {
        (Word.MOVED, 3),
        (Word.MOVED, 9),
    }


def test_a_chain_that_another_key_signed_again_is_refused() -> None:
    """Whoever changed it made every hash fit, but is not the box."""
    forged = raws_of(OURS, [*drafts(5, "received"), *drafts(7, "received", 70)])
    for standing, chain, key in (("own", OURS, FLERS), ("held", THEIRS, CAEN)):
        lines = export_of(
            FLERS,
            "flers-1",
            [chain_of(chain, forged if chain == OURS else HELD, key, standing, signer=STRANGER)],
            ("caen-1", CAEN),
        )
        (fault,) = read(lines).faults
        assert fault.word is Word.NOT_SIGNED
        assert fault.place == f"{chain} ({standing}), its head"


def test_a_box_that_is_another_is_told_from_damage() -> None:
    """An export of another identity, and a chain said to be the partner's that is not."""
    of_stranger = export_of(STRANGER, "flers-1", [chain_of(OURS, OWN, STRANGER)])
    assert read(of_stranger).faults == []
    (fault,) = read(of_stranger, public(FLERS)).faults
    assert (fault.word, fault.place) == (Word.OTHER_IDENTITY, "header")
    held = chain_of(THEIRS, HELD, STRANGER, "held")
    (fault,) = read(export_of(FLERS, "flers-1", [held], ("caen-1", CAEN))).faults
    assert (fault.word, fault.place) == (Word.OTHER_IDENTITY, f"{THEIRS} (held), its opening")


def test_two_chains_that_were_set_aside_open_with_the_same_record() -> None:
    """A box that began anew twice; one opening more, or one less, is told all the same."""
    aside = [chain_of(THEIRS, HELD[:count], CAEN, "set_aside") for count in (3, 5)]
    held = chain_of(THEIRS, HELD, CAEN, "held")
    lines = export_of(FLERS, "flers-1", [*aside, held], ("caen-1", CAEN))
    assert read(lines).faults == []
    opening = lines[1]
    again = lines.index(opening, 2)
    assert any(each.word is Word.TWICE for each in read([*lines[:-1], opening, lines[-1]]).faults)
    less = read([*lines[:again], *lines[again + 1 :]]).faults
    assert any(each.word is Word.MISSING for each in less)


def test_an_older_truth_in_a_newer_export_is_noticed() -> None:
    """A whole chain of an earlier export is well signed, but it is not what was exported."""
    start, old_start = (
        next(
            at
            for at, raw in enumerate(lines)
            if b'"record":"chain"' in raw and OURS.encode() in raw
        )
        for lines in (WHOLE, OLDER)
    )
    lines = [*WHOLE[:start], *OLDER[old_start : old_start + 10], *WHOLE[start + 14 :]]
    (fault,) = read(lines).faults
    assert (fault.word, fault.place) == (Word.CHANGED, f"{OURS} (own), its head")
