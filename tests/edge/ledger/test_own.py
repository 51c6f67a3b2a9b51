"""The box's own chains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from bocage_contract.ledger import GENESIS, EntryDraft, draft, verify_head, verify_page
from bocage_edge.ledger.own import MAX_PAGE_BYTES, Addition, Fate, OwnLedger
from tests.contract.keys import public
from tests.edge.ledger.chains import OWN, STRANGER, additions

BOX = "flers-1/box"
LINK = "flers-1/flers-caen"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[OwnLedger]:
    """An empty ledger; whatever a test did, its chains must verify."""
    opened = OwnLedger(tmp_path / "ledger.db", OWN.sign)
    yield opened
    assert opened.verify(public(OWN)) == []
    opened.close()


def test_a_batch_is_a_run_of_chained_entries_under_one_signed_head(ledger: OwnLedger) -> None:
    assert ledger.append(additions(3)) == [Fate.WRITTEN] * 3
    raws, head = ledger.page(BOX, 0, 10)
    verified = verify_page(raws, head, public(OWN), after=0, after_hash=GENESIS)
    assert [entry.body["number"] for entry in verified] == [1, 2, 3]
    assert ledger.head(BOX) == head


def test_the_same_place_and_content_is_written_once_ever(ledger: OwnLedger) -> None:
    ledger.append(additions(3))
    assert ledger.append(additions(5)) == [Fate.WRITTEN_BEFORE] * 3 + [Fate.WRITTEN] * 2
    assert ledger.append(additions(1) * 2) == [Fate.WRITTEN_BEFORE] * 2
    assert ledger.head(BOX).n == 5


def test_an_outbox_that_went_back_in_time_loses_nothing(ledger: OwnLedger) -> None:
    ledger.append(additions(2))
    other = Addition("receive:1", "2", BOX, draft("received", 9.0, number=99))
    assert ledger.append([other]) == [Fate.WRITTEN]
    assert ledger.append(additions(1, source="receive:2")) == [Fate.WRITTEN]


def test_chains_grow_apart(ledger: OwnLedger) -> None:
    ledger.append([*additions(2), *additions(3, chain=LINK, start=3)])
    assert ledger.chains() == [BOX, LINK]
    assert (ledger.head(BOX).n, ledger.head(LINK).n) == (2, 3)


def test_an_entry_that_is_too_large_holds_up_no_other(ledger: OwnLedger) -> None:
    large = EntryDraft(kind="received", at=1, body={"text": "x" * 5000})
    batch = [*additions(1), Addition("s", "9", BOX, large), *additions(1, start=2)]
    assert ledger.append(batch) == [Fate.WRITTEN, Fate.UNWRITABLE, Fate.WRITTEN]
    assert ledger.head(BOX).n == 2


def test_an_empty_chain_has_a_signed_head(ledger: OwnLedger) -> None:
    head = ledger.head(LINK)
    assert (head.n, head.hash) == (0, GENESIS)
    verify_head(head, public(OWN))
    assert ledger.page(LINK, 0, 10) == ([], head)


def test_each_page_ends_with_a_head_of_its_own(ledger: OwnLedger) -> None:
    ledger.append(additions(25))
    after, after_hash = 0, GENESIS
    while after < 25:
        raws, head = ledger.page(BOX, after, 10)
        verify_page(raws, head, public(OWN), after=after, after_hash=after_hash)
        after, after_hash = head.n, head.hash
    assert ledger.head(BOX).hash == after_hash


def test_a_page_fits_into_a_frame(ledger: OwnLedger) -> None:
    ledger.append(
        [
            Addition("s", str(number), BOX, EntryDraft(kind="x_y", at=1, body={"t": "x" * 3500}))
            for number in range(300)
        ]
    )
    raws, _ = ledger.page(BOX, 0, 5000)
    assert 1 < len(raws) < 300
    assert sum(map(len, raws)) <= MAX_PAGE_BYTES


def test_it_goes_on_after_closing(tmp_path: Path, ledger: OwnLedger) -> None:
    ledger.append(additions(2))
    again = OwnLedger(tmp_path / "ledger.db", OWN.sign)
    again.append(additions(1, start=3))
    again.close()
    assert ledger.head(BOX).n == 3


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE entry SET raw = replace(raw, '\"number\":2', '\"number\":7') WHERE n = 2",
        "DELETE FROM entry WHERE n = 2",
        "DELETE FROM entry WHERE n = 3",
        "UPDATE chain SET hash = (SELECT lower(hex(randomblob(32))))",
        "UPDATE chain SET n = 2",
    ],
)
def test_whoever_changes_the_database_is_found_out(tmp_path: Path, tampering: str) -> None:
    ledger = OwnLedger(tmp_path / "ledger.db", OWN.sign)
    ledger.append(additions(3))
    db = apsw.Connection(str(tmp_path / "ledger.db"))
    db.execute(tampering)
    assert db.total_changes() > 0
    db.close()
    assert len(ledger.verify(public(OWN))) == 1
    ledger.close()


def test_anothers_identity_did_not_sign_it(tmp_path: Path) -> None:
    ledger = OwnLedger(tmp_path / "ledger.db", OWN.sign)
    ledger.append(additions(1))
    assert len(ledger.verify(public(STRANGER))) == 1
    ledger.close()
