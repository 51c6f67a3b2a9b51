"""The client and the daemon over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_contract.ledger import GENESIS, draft, verify_page
from bocage_contract.signing import is_signed, to_be_signed
from bocage_edge.errors import KeeperError
from bocage_edge.keeper import daemon
from bocage_edge.keeper.client import Keeper, PartnerLedgerError
from bocage_edge.ledger.flush import flush
from tests.edge.keeper.box import LINK, Site, card_value, make_pair, make_site
from tests.edge.ledger.chains import drafts, write_chain
from tests.edge.spool.making import assert_clean, open_spool

TIMEOUT_S = 10.0


@pytest.fixture
def sites(tmp_path: Path) -> tuple[Site, Site]:
    return make_pair(tmp_path)


@pytest.fixture
def keeper(sites: tuple[Site, Site]) -> Iterator[Keeper]:
    """The keeper of the first box; the tests' user is its administrator."""
    box, stop = sites[0].box, threading.Event()
    running = threading.Thread(target=daemon.run, args=(box, stop))
    running.start()
    client = Keeper(box.keeper_socket)
    while running.is_alive() and not answers(client):
        running.join(0.01)
    yield client
    client.close()
    stop.set()
    running.join(TIMEOUT_S)
    assert not running.is_alive()


def answers(client: Keeper) -> bool:
    try:
        client.head("box")
    except KeeperError:
        return False
    return True


def test_entries_are_written_signed_and_read_in_pages(
    keeper: Keeper, sites: tuple[Site, Site]
) -> None:
    count = 1200
    written = [(n, LINK, draft("received", 1.0, number=n)) for n in range(count)]
    assert keeper.append("receive:1", written) == count
    assert keeper.append("receive:1", written) == 0
    assert keeper.head_number(LINK) == count
    after, after_hash = 0, GENESIS
    while after < count:
        raws, head = keeper.entries(LINK, after, 5000)
        identity = sites[0].card.identity_key
        verify_page(raws, head, identity, after=after, after_hash=after_hash)
        after, after_hash = head.n, head.hash
    assert keeper.verify_own() == []


def test_the_start_is_in_the_ledger(keeper: Keeper) -> None:
    assert keeper.head_number("box") == 1


def test_signatures_and_keys_come_over(keeper: Keeper, sites: tuple[Site, Site]) -> None:
    flers, caen = sites
    digest = bytes(32)
    signature = keeper.sign("bocage.relay-hello", digest)
    signed = to_be_signed("bocage.relay-hello", digest)
    assert is_signed(flers.card.identity_key, signature, signed)
    assert len(keeper.commit(LINK, 1, 1, [("a" * 64, "stored")])) == 64
    with pytest.raises(KeeperError) as told:
        keeper.link_key(LINK)
    assert "not confirmed" in told.value.message
    assert keeper.pin(LINK, card_value(caen)) == "caen-1"
    assert len(keeper.link_key(LINK)) == 32


def test_the_partners_chain_comes_over(keeper: Keeper, sites: tuple[Site, Site]) -> None:
    keeper.pin(LINK, card_value(sites[1]))
    assert keeper.partner_head(LINK) is None
    assert keeper.partner_head_number(LINK) == 0
    raws, head = write_chain(drafts(3))
    assert keeper.accept_partner(LINK, raws, head) == 3
    assert keeper.partner_head(LINK) == head
    assert keeper.partner_entries(LINK, 0, 10) == raws
    assert keeper.verify_partner(LINK) == []
    lies, lying_head = write_chain(drafts(3, "delivered"))
    with pytest.raises(PartnerLedgerError):
        keeper.accept_partner(LINK, lies, lying_head)
    assert len(keeper.verify_partner(LINK)) == 1


def test_an_outbox_is_flushed_into_it(keeper: Keeper, tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.record(LINK, [draft("received", 1.0, object="a")])
    spool.record("box", [draft("association_refused", 1.0)])
    assert flush(spool, keeper) == 2
    assert (keeper.head_number(LINK), keeper.head_number("box")) == (1, 2)
    assert_clean(spool)
    spool.close()


def test_a_keeper_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeeperError) as told:
        Keeper(tmp_path / "nobody.sock").head("box")
    assert told.value.hint


def test_a_box_without_owners_does_not_start(tmp_path: Path) -> None:
    site = make_site(tmp_path, "flers-1", 1)
    site.box.owners.unlink()
    with pytest.raises(KeeperError) as told:
        daemon.run(site.box, threading.Event())
    assert told.value.hint
