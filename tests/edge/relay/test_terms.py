"""Terms, settlement, schedule, memory: the small pure parts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bocage_contract.capacity import CapWindow
from bocage_contract.ledger import GENESIS, Entry
from bocage_edge.relay.memory import LinkMemory, MemoryFile
from bocage_edge.relay.schedule import (
    CONNECT_TIMEOUT_S,
    LONGEST_DELAY_S,
    redial_delay_s,
)
from bocage_edge.relay.settlement import SEND_AGAIN, settlements_of
from bocage_edge.relay.terms import Blocked, Terms, terms_of
from bocage_edge.spool.contents import SUPERSEDED
from bocage_edge.spool.types import Settlement, Verdict
from tests.fakes.site import in_force, other_identity

NAME = "a" * 64


def test_a_confirmed_partner_gives_terms() -> None:
    now = in_force()
    terms = terms_of(now.desired.links[0], now)
    assert isinstance(terms, Terms)
    assert terms.expected.device == "caen-1"
    assert terms.own_chain == f"{now.desired.device}/flers-caen"


def test_an_unconfirmed_partner_blocks_the_link() -> None:
    now = in_force(pinned=False)
    terms = terms_of(now.desired.links[0], now)
    assert isinstance(terms, Blocked)
    assert not terms.is_alarm


def test_a_changed_partner_blocks_the_link_with_an_alarm() -> None:
    now = other_identity(in_force())
    terms = terms_of(now.desired.links[0], now)
    assert isinstance(terms, Blocked)
    assert terms.is_alarm


def test_a_new_revision_alone_changes_no_terms() -> None:
    first, second = in_force(revision=3), in_force(revision=4)
    a, b = terms_of(first.desired.links[0], first), terms_of(second.desired.links[0], second)
    assert isinstance(a, Terms) and isinstance(b, Terms)
    assert a != b
    assert a.lasting == b.lasting


def test_another_cap_leaves_a_connection_up_another_port_does_not() -> None:
    held = in_force(revision=3)
    terms = terms_of(held.desired.links[0], held)
    assert isinstance(terms, Terms)
    cap = [CapWindow(start="08:00", end="18:00", mbit=4)]
    capped = replace(terms, link=terms.link.model_copy(update={"cap_mbit": cap}))
    moved = replace(terms, link=terms.link.model_copy(update={"relay_port": 1}))
    assert terms != capped
    assert terms.lasting == capped.lasting
    assert terms.lasting != moved.lasting


def entry(kind: str, **body: object) -> Entry:
    return Entry(chain="p/l", n=1, prev=GENESIS, at=1, kind=kind, body=dict(body))


@pytest.mark.parametrize(
    ("entry", "settlement"),
    [
        (entry("delivered", object=NAME), Settlement(NAME, Verdict.DELIVERED)),
        (entry("delivered", object=NAME, done=True), Settlement(NAME, Verdict.DELIVERED)),
        (entry("delivered", object=NAME, done=False), None),
        (entry("refused", object=NAME, reason="why"), Settlement(NAME, Verdict.REFUSED, "why")),
        (entry("refused", exam="e"), None),
        (entry("delivered", object=7), None),
        (entry("stored", object=NAME), None),
        (entry("opened", object=NAME), None),
        (
            entry("refused", object=NAME, scope="superseded", done=True),
            Settlement(NAME, Verdict.REFUSED, SUPERSEDED),
        ),
        (entry("cannot_open", object=NAME), Settlement(NAME, Verdict.REFUSED, SEND_AGAIN)),
    ],
)
def test_only_verdicts_over_an_object_settle_it(
    entry: Entry, settlement: Settlement | None
) -> None:
    assert settlements_of([entry]) == ([] if settlement is None else [settlement])


def test_redialling_grows_to_a_limit() -> None:
    delays = [redial_delay_s(failures, 0.0) for failures in (1, 2, 3, 4, 5, 6, 1000)]
    assert delays == [0.25, 0.5, 1, 2, 2, 2, 2]
    assert redial_delay_s(5, 1.0) == 1.5


def test_the_stream_is_back_within_ten_seconds() -> None:
    assert LONGEST_DELAY_S + CONNECT_TIMEOUT_S < 10


def test_memory_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    MemoryFile(path).update(commit=7, settled=9)
    assert MemoryFile(path).now == LinkMemory(commit=7, settled=9)


@pytest.mark.parametrize("damage", [b"", b"[]", b"nonsense", b'{"commit": "x"}'])
def test_a_damaged_memory_is_an_empty_one(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    path.write_bytes(damage)
    assert MemoryFile(path).now == LinkMemory()


def test_a_number_is_never_taken_back_by_another_thread(tmp_path: Path) -> None:
    memory = MemoryFile(tmp_path / "l.json")
    fields = ("commit", "partner_commit", "settled", "partner_epoch")

    def count(field: str) -> None:
        for number in range(1, 26):
            memory.update(**{field: number})

    with ThreadPoolExecutor(len(fields)) as pool:
        list(pool.map(count, fields))
    assert MemoryFile(tmp_path / "l.json").now == LinkMemory(
        commit=25, partner_commit=25, settled=25, partner_epoch=25
    )
