"""Partners' chains: what follows is kept, what contradicts is evidence, the rest is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_contract.ledger import GENESIS, Head, draft, sign_head, verify_page
from bocage_edge.errors import KeeperError
from bocage_edge.ledger.partners import (
    Partner,
    PartnerForkError,
    PartnerLedger,
    PartnerPageError,
)
from tests.contract.keys import public
from tests.edge.ledger.chains import LINK, PARTNER, STRANGER, drafts, head_at, write_chain

CAEN = Partner(LINK, "caen-1", public(PARTNER))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[PartnerLedger]:
    """Nothing held yet; whatever a test did, what is held must verify."""
    opened = PartnerLedger(tmp_path / "ledger.db")
    yield opened
    assert opened.verify(CAEN) == []
    opened.close()


def test_pages_that_follow_each_other_are_kept(ledger: PartnerLedger) -> None:
    raws, head = write_chain(drafts(5))
    assert ledger.head(CAEN) is None
    assert ledger.accept(CAEN, raws[:2], head_at(raws[:2])).n == 2
    assert ledger.accept(CAEN, raws[2:], head) == head
    assert ledger.head(CAEN) == head
    assert ledger.page(CAEN, 1, 2) == raws[1:3]


def test_what_comes_again_changes_nothing_and_may_bring_more(ledger: PartnerLedger) -> None:
    raws, head = write_chain(drafts(5))
    ledger.accept(CAEN, raws[:3], head_at(raws[:3]))
    assert ledger.accept(CAEN, raws[:3], head_at(raws[:3])).n == 3
    assert ledger.accept(CAEN, raws[1:], head) == head
    assert ledger.accept(CAEN, [], head) == head


def test_a_partner_behind_its_own_word_changes_nothing(ledger: PartnerLedger) -> None:
    raws, head = write_chain(drafts(5))
    ledger.accept(CAEN, raws, head)
    assert ledger.accept(CAEN, [], head_at(raws[:2])) == head
    assert ledger.accept(CAEN, raws[:2], head_at(raws[:2])) == head
    assert ledger.count_forks(CAEN) == 0


@pytest.mark.parametrize("kept_with", ["the same number", "a later number", "a head alone"])
def test_two_histories_are_evidence_and_the_second_is_not_believed(
    ledger: PartnerLedger, kept_with: str
) -> None:
    raws, head = write_chain(drafts(3))
    ledger.accept(CAEN, raws, head)
    other = [*drafts(2), draft("delivered", 2.0, number=9), *drafts(2)]
    lies, _ = write_chain(other)
    page, claimed = {
        "the same number": (lies[:3], head_at(lies[:3])),
        "a later number": (lies[3:], head_at(lies)),
        "a head alone": ([], head_at(lies[:3])),
    }[kept_with]
    for _ in range(2):
        with pytest.raises(PartnerForkError) as told:
            ledger.accept(CAEN, page, claimed)
        assert told.value.n == 3
    assert ledger.head(CAEN) == head
    assert ledger.page(CAEN, 0, 10) == raws
    assert ledger.count_forks(CAEN) == 1
    (fork,) = ledger.forks()
    assert (fork.identity, fork.head) == (CAEN.identity, claimed)
    assert ledger.fork_entries(fork.id) == page
    # What was kept hangs together from where it begins to what was signed.
    verify_page(page, claimed, fork.identity, after=fork.after, after_hash=fork.after_hash)


def test_a_fork_stays_evidence_when_its_box_begins_anew(ledger: PartnerLedger) -> None:
    raws, head = write_chain(drafts(2))
    ledger.accept(CAEN, raws, head)
    lies, claimed = write_chain(drafts(2, "delivered"))
    with pytest.raises(PartnerForkError):
        ledger.accept(CAEN, lies, claimed)
    ledger.set_aside(CAEN)
    (fork,) = ledger.forks()
    assert ledger.fork_entries(fork.id) == lies
    assert ledger.fork_entries(fork.id + 1) == []


def test_a_history_the_partner_did_not_sign_is_no_evidence(ledger: PartnerLedger) -> None:
    raws, head = write_chain(drafts(3))
    ledger.accept(CAEN, raws, head)
    lies, claimed = write_chain(drafts(3, "delivered"), signer=3)
    with pytest.raises(PartnerPageError):
        ledger.accept(CAEN, lies, claimed)
    assert ledger.count_forks(CAEN) == 0


def _gap() -> tuple[list[bytes], Head]:
    raws, head = write_chain(drafts(4))
    return raws[2:], head


def _another_chain() -> tuple[list[bytes], Head]:
    return write_chain(drafts(2), chain="caen-1/another")


def _strangers() -> tuple[list[bytes], Head]:
    return write_chain(drafts(2), signer=3)


def _changed() -> tuple[list[bytes], Head]:
    raws, head = write_chain(drafts(2))
    return [raws[0].replace(b'"number":0', b'"number":5'), raws[1]], head


def _not_canonical() -> tuple[list[bytes], Head]:
    raws, head = write_chain(drafts(1))
    return [raws[0].replace(b":", b": ", 1)], head


def _too_many() -> tuple[list[bytes], Head]:
    return write_chain(drafts(1001))


def _too_large() -> tuple[list[bytes], Head]:
    return [b'"' + b"x" * 5000 + b'"'], head_at([])


def _head_too_far() -> tuple[list[bytes], Head]:
    raws, head = write_chain(drafts(4))
    return raws[:2], head


def _head_without_entries() -> tuple[list[bytes], Head]:
    return [], write_chain(drafts(4))[1]


def _entry_nothing() -> tuple[list[bytes], Head]:
    return [b"{}"], sign_head(CAEN.chain, 1, GENESIS, PARTNER.sign)


@pytest.mark.parametrize(
    "page",
    [_gap, _another_chain, _strangers, _changed, _not_canonical, _too_many, _too_large,
     _head_too_far, _head_without_entries, _entry_nothing],
)  # fmt: skip
def test_nothing_is_kept_of_a_page_that_is_not_right(ledger: PartnerLedger, page: object) -> None:
    assert callable(page)
    raws, head = page()
    with pytest.raises(PartnerPageError):
        ledger.accept(CAEN, raws, head)
    assert ledger.head(CAEN) is None
    assert ledger.page(CAEN, 0, 10) == []


def test_a_partner_with_a_new_identity_begins_anew(ledger: PartnerLedger) -> None:
    raws, head = write_chain(drafts(2))
    ledger.accept(CAEN, raws, head)
    replaced = Partner(LINK, "caen-1", public(STRANGER))
    fresh, fresh_head = write_chain(drafts(1, "started"), signer=3)
    assert ledger.accept(replaced, fresh, fresh_head) == fresh_head
    assert ledger.head(CAEN) == head


def test_a_chain_set_aside_is_evidence_and_the_new_one_begins_with_its_first(
    ledger: PartnerLedger,
) -> None:
    raws, head = write_chain(drafts(5))
    ledger.accept(CAEN, raws, head)
    assert ledger.set_aside(CAEN) == head
    assert ledger.head(CAEN) is None
    assert ledger.set_aside(CAEN) is None
    others, other_head = write_chain(drafts(3, "opened"))
    assert ledger.accept(CAEN, others, other_head) == other_head
    assert ledger.page(CAEN, 0, 10) == others
    assert ledger.count_forks(CAEN) == 0


def test_a_partner_does_not_begin_anew_without_end(ledger: PartnerLedger) -> None:
    raws, head = write_chain(drafts(1))
    for _ in range(50):
        ledger.accept(CAEN, raws, head)
        ledger.set_aside(CAEN)
    ledger.accept(CAEN, raws, head)
    with pytest.raises(KeeperError, match="50 times"):
        ledger.set_aside(CAEN)
    assert ledger.head(CAEN) == head
