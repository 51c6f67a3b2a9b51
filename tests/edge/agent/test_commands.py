from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.card import seal_card
from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.commands import Command, Echo, Lock, Reboot, seal_command
from bocage_contract.fleet.events import Event, EventKind, Outcome, Why
from bocage_edge.agent.commands import take
from bocage_edge.agent.documents import lay_down
from bocage_edge.agent.outbox import Outbox
from bocage_edge.boot import boot_id
from bocage_edge.paths import Box
from tests.contract.keys import card_of, identity, keyset_of, public

NOW = 1_800_000_000.0
BOX, CONSOLE, STRANGER = identity(1), identity(5), identity(6)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(tmp_path / "state", tmp_path / "run")
    for folder in (made.keyset.parent, made.agent_dir, made.gate_secret.parent):
        folder.mkdir(parents=True)
    made.status("x").parent.mkdir(parents=True)
    made.doorbell("x").parent.mkdir(parents=True)
    made.card.write_bytes(seal_card(card_of(BOX), BOX.sign))
    made.keyset.write_bytes(keyset_of(CONSOLE))
    return made


@pytest.fixture
def outbox(box: Box) -> Iterator[Outbox]:
    made = Outbox(box.outbox_db, NOW)
    yield made
    made.close()


def sealed(key: Ed25519PrivateKey = CONSOLE, **changes: Any) -> bytes:
    values: dict[str, Any] = {
        "id": "d" * 32,
        "audience": fingerprint(public(BOX)),
        "counter": 1,
        "issued_at": 1,
        "act": Lock(),
    }
    return seal_command(Command(**values | changes), key.sign, public(key))


def told(outbox: Outbox) -> list[Event]:
    return outbox.after(0)


def test_a_command_is_done_once_and_answered(box: Box, outbox: Outbox) -> None:
    take(box, outbox, sealed(), NOW)
    assert box.lock_wish.exists()
    box.lock_wish.unlink()
    take(box, outbox, sealed(), NOW)
    assert not box.lock_wish.exists()
    answer, refused = told(outbox)
    assert (answer.kind, answer.command, answer.outcome) == (
        EventKind.COMMAND,
        "d" * 32,
        Outcome.DONE,
    )
    assert (refused.kind, refused.why) == (EventKind.REFUSED_DOCUMENT, Why.REPLAYED)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (sealed(STRANGER), Why.BAD_SIGNATURE),
        (sealed(audience="0" * 64), Why.NOT_FOR_US),
        (b"{", Why.MALFORMED),
    ],
)
def test_what_is_not_for_us_is_refused_counted_and_not_done(
    box: Box, outbox: Outbox, raw: bytes, why: Why
) -> None:
    take(box, outbox, raw, NOW)
    assert [each.why for each in told(outbox)] == [why]
    assert not box.lock_wish.exists()
    assert outbox.command == 0


STATIONS: list[tuple[dict[str, Any], Outcome, Why | None]] = [
    ({}, Outcome.FAILED, Why.UNKNOWN_TARGET),
    ({"is_configured": True, "echo_at": None}, Outcome.FAILED, Why.BUSY),
    ({"is_configured": True, "echo_at": 1, "echo_ok": True, "echo_ms": 4}, Outcome.DONE, None),
    ({"is_configured": True, "echo_at": 1, "echo_ok": False}, Outcome.FAILED, Why.UNREACHABLE),
]


@pytest.mark.parametrize(("said", "outcome", "why"), STATIONS)
def test_an_echo_says_what_deliver_last_heard(
    box: Box, outbox: Outbox, said: dict[str, Any], outcome: Outcome, why: Why | None
) -> None:
    status = {"at": NOW, "destinations": {"pacs": said} if said else {}}
    box.status("deliver").write_text(json.dumps(status))
    take(box, outbox, sealed(act=Echo(destination="pacs")), NOW)
    (answer,) = told(outbox)
    assert (answer.outcome, answer.why) == (outcome, why)


def test_what_this_release_cannot_do_is_said(box: Box, outbox: Outbox) -> None:
    take(box, outbox, sealed(act=Reboot()), NOW)
    (answer,) = told(outbox)
    assert answer.outcome is Outcome.REFUSED


def test_documents_are_laid_down_for_the_link_unit_by_their_kind(box: Box) -> None:
    assert lay_down(box, keyset_of(CONSOLE, version=2), NOW) is None
    assert (box.inbox / "keyset.json").read_bytes() == keyset_of(CONSOLE, version=2)


@pytest.mark.parametrize(
    ("raw", "why"), [(b"nonsense", Why.MALFORMED), (b"x" * (1 << 21), Why.TOO_LARGE)]
)
def test_what_is_no_document_is_told(box: Box, raw: bytes, why: Why) -> None:
    refused = lay_down(box, raw, NOW)
    assert refused is not None and refused.why is why
    assert not box.inbox.exists()


def test_a_start_of_the_box_has_one_number(box: Box) -> None:
    first = boot_id(box)
    assert boot_id(box) == first
    (box.run / "boot").unlink()  # what a power cut does
    assert boot_id(box) != first
