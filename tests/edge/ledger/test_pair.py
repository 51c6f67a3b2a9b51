"""Two exports side by side: each kind of disagreement has its own word and place."""

from __future__ import annotations

from collections.abc import Sequence

from bocage_contract.ledger import EntryDraft, draft, entry_hash
from bocage_contract.ledger_reading import read_export
from bocage_edge.ledger.pair import Disagreement, Side, compare, links_of
from tests.contract.exports import (
    CAEN,
    FLERS,
    LINK,
    OURS,
    STRANGER,
    THEIRS,
    caen,
    chain_of,
    drafts,
    export_of,
    flers,
    raws_of,
)


def name(number: int) -> str:
    return f"{number:064x}"


def sent(*numbers: int) -> list[EntryDraft]:
    return [draft("received", 1.0, object=name(n), digest=name(n)) for n in numbers]


def got(*numbers: int) -> list[EntryDraft]:
    return [
        draft(kind, 1.0, object=name(n), digest=name(n), done=True)
        for n in numbers
        for kind in ("stored", "opened", "delivered")
    ]


SENT, GOT = raws_of(OURS, sent(1, 2, 3, 4)), raws_of(THEIRS, got(1, 2, 3, 4))


def found(one: Sequence[bytes], other: Sequence[bytes]) -> list[tuple[str, str, int | None]]:
    ours, theirs = _side(one), _side(other)
    findings, _ = compare(ours, theirs, LINK)
    again, _ = compare(theirs, ours, LINK)
    said = sorted((each.word.value, each.chain, each.n) for each in findings)
    assert said == sorted((each.word.value, each.chain, each.n) for each in again)
    return [(each.word, each.chain, each.n) for each in findings]


def _side(lines: Sequence[bytes]) -> Side:
    return Side(read_export(lambda: iter(lines)), lambda: iter(lines))


def test_two_boxes_that_saw_the_same_agree() -> None:
    """A copy may be behind: the partner has not fetched the rest yet."""
    assert found(flers(SENT, GOT), caen(GOT, SENT)) == []
    assert found(flers(SENT, GOT[:5]), caen(GOT, SENT[:2])) == []
    sides = _side(flers(SENT, GOT)), _side(caen(GOT, SENT))
    assert links_of(*sides) == [LINK]
    assert compare(*sides, LINK)[1].is_settled


def test_a_chain_that_was_cut_off_names_what_it_lost() -> None:
    """The partner holds more than the box itself: an old image, or the end was taken away."""
    sides = _side(flers(SENT, GOT)), _side(caen(GOT[:8], SENT))
    (finding,) = compare(*sides, LINK)[0]
    assert (finding.word, finding.chain) == (Disagreement.BEHIND, THEIRS)
    assert (finding.n, finding.until, finding.objects) == (9, 12, (name(3), name(4)))


def test_a_second_history_is_a_fork_from_its_number() -> None:
    other = raws_of(THEIRS, [*got(1, 2), *got(7, 8)])
    findings = found(flers(SENT, GOT), caen(other, SENT))
    assert (Disagreement.FORK, THEIRS, 7) in findings


def test_a_second_history_that_the_partner_kept_is_a_fork() -> None:
    """Whichever of the two the box now calls its own; of a head alone, its number is said."""
    other = raws_of(THEIRS, [*got(1, 2), *got(7, 8)])
    own, held = chain_of(OURS, SENT, FLERS), chain_of(THEIRS, GOT, CAEN, "held")
    opening, _, head = chain_of(THEIRS, other, CAEN, "fork")
    page = opening.model_copy(update={"after": 6, "after_hash": entry_hash(other[5])})
    alone = opening.model_copy(update={"after": 12, "after_hash": entry_hash(other[11])})
    for kept, expected in (((page, other[6:], head), 7), ((alone, [], head), 12)):
        hospital = export_of(FLERS, "flers-1", [own, held, kept], ("caen-1", CAEN))
        assert read_export(lambda lines=hospital: iter(lines)).faults == []  # type: ignore[misc]
        assert found(hospital, caen(GOT, SENT)) == [(Disagreement.FORK, THEIRS, expected)]


def test_an_old_image_that_began_anew_is_restored_not_forked() -> None:
    """The partner keeps what the box no longer knows."""
    after = raws_of(THEIRS, [*got(1, 2, 3), *got(5, 6, 7)])
    ours = raws_of(OURS, sent(1, 2, 3, 4, 5, 6, 7))
    hospital = export_of(
        FLERS,
        "flers-1",
        [
            chain_of(OURS, ours, FLERS),
            chain_of(THEIRS, GOT, CAEN, "set_aside"),
            chain_of(THEIRS, after, CAEN, "held"),
        ],
        ("caen-1", CAEN),
    )
    assert found(hospital, caen(after, ours)) == [(Disagreement.RESTORED, THEIRS, 10)]


def test_a_replaced_box_is_told_from_a_stranger() -> None:
    """A confirmed one is a replacement; one that nobody confirmed is another identity."""
    held = [chain_of(THEIRS, GOT, STRANGER, "set_aside"), chain_of(THEIRS, GOT, CAEN, "held")]
    own = chain_of(OURS, SENT, FLERS)
    hospital = export_of(FLERS, "flers-1", [own, *held], ("caen-1", CAEN))
    assert found(hospital, caen(GOT, SENT)) == [(Disagreement.REPLACED, THEIRS, 1)]
    practice = export_of(STRANGER, "caen-1", [chain_of(THEIRS, GOT, STRANGER)], ("flers-1", FLERS))
    assert (Disagreement.OTHER_IDENTITY, THEIRS, None) in found(flers(SENT, GOT), practice)


def test_one_entry_edited_in_one_file_is_named_beside_the_other() -> None:
    """What follows it agrees, so nobody signed a second history."""
    lines = flers(SENT, GOT)
    at = lines.index(SENT[1])
    edited = [*lines[:at], SENT[1].replace(b'"at":1000', b'"at":2000'), *lines[at + 1 :]]
    assert found(edited, caen(GOT, SENT)) == [(Disagreement.CHANGED, OURS, 2)]


def test_what_only_one_box_says_of_an_object_is_named() -> None:
    """Delivered there, never sent here; and other bytes opened than were sealed."""
    odd = raws_of(THEIRS, [*got(1, 2, 3, 9)])
    sides = _side(flers(SENT, odd)), _side(caen(odd, SENT))
    findings, report = compare(*sides, LINK)
    assert [(each.word, each.objects) for each in findings] == [(Disagreement.OBJECT, (name(9),))]
    assert report.out.waiting == [name(4)]


def test_drafts_of_other_kinds_do_not_matter() -> None:
    """Entries that name no object the boxes exchange are compared by their bytes alone."""
    ours = raws_of(OURS, drafts(3, "tunnel"))
    assert found(flers(ours, []), caen([], ours)) == []
