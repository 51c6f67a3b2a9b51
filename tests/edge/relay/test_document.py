"""docs/relay-protocol.md says what the code does: numbers, limits, codes, worked examples."""

from __future__ import annotations

import re
from itertools import product

import pytest

from bocage_contract.signing import to_be_signed
from bocage_edge.relay import receiving, sending
from bocage_edge.relay.fault import HOSTILE, Fault
from bocage_edge.relay.frames import (
    CLASSES,
    KINDS,
    LONGEST_RETRY_S,
    REFUSALS,
    Accept,
    Commit,
    Data,
    Offer,
    Refuse,
)
from bocage_edge.relay.hello import Hello, transcript_digest
from bocage_edge.relay.proof import COMMIT_TYPE, HELLO_TYPE, commit_payload
from bocage_edge.relay.receiving import ReceiveState
from bocage_edge.relay.sending import PUSH_WINDOW_BYTES, SendState
from bocage_edge.relay.wire import (
    BODY_LIMITS,
    COMMIT_LIMIT_ITEMS,
    ENTRIES_LIMIT,
    PUSH_LIMIT_BYTES,
    FrameType,
    encode_preamble,
)
from tests.edge.relay.examples import NAME
from tests.source_tree import ROOT

DOCUMENT = (ROOT / "docs/relay-protocol.md").read_text(encoding="utf-8")
UNBROKEN = re.sub(r"\s+", "", DOCUMENT)


@pytest.mark.parametrize("kind", list(FrameType))
def test_each_frame_stands_there_with_its_limits(kind: FrameType) -> None:
    least, most = BODY_LIMITS[kind]
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| 0x{kind:02x} |"))
    assert f"| {kind.name} |" in row
    assert row.endswith(f"| {least} to {most} |")


@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_stands_there(fault: Fault) -> None:
    row = next(
        line for line in DOCUMENT.splitlines() if line.startswith(f"| {fault} | {fault.name}")
    )
    assert row.endswith("| yes |") is (fault in HOSTILE)


@pytest.mark.parametrize("field", list(Hello.model_fields))
def test_each_field_of_hello_stands_there(field: str) -> None:
    assert f"`{field}`" in DOCUMENT


@pytest.mark.parametrize(
    "words",
    [
        *(f"{number} {reason}" for number, reason in REFUSALS.items()),
        *(f"{number} {klass}" for number, klass in enumerate(CLASSES)),
        *(f"{number} {kind}" for number, kind in enumerate(KINDS)),
        f"at most {LONGEST_RETRY_S}",
        f"1 to {COMMIT_LIMIT_ITEMS}",
        f"at most {ENTRIES_LIMIT}",
        f"1 to {PUSH_LIMIT_BYTES}",
        f"{PUSH_WINDOW_BYTES >> 20} MiB together",
    ],
)
def test_numbers_and_limits_stand_there(words: str) -> None:
    assert "".join(words.split()) in UNBROKEN


EXAMPLES = [
    encode_preamble(),
    Offer(
        1, NAME, 48213, "urgent", "instance", "1" * 32, "2" * 32, "3" * 64, 1_800_000_000_000
    ).encode(),
    Accept(1, 4096).encode(),
    Data(1, 4096, memoryview(b"abc")).encode(),
    Refuse(1, "no space", 60, "full").encode(),
    transcript_digest(1, "dialler", b'{"side":"dialler"}', b'{"side":"listener"}'),
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_worked_examples_are_what_the_code_writes(example: bytes) -> None:
    assert example.hex() in UNBROKEN


def _rows(first: str) -> dict[str, list[str]]:
    """Read a table of states: first word of each row -> its cells."""
    lines = DOCUMENT.splitlines()
    start = lines.index(first) + 2
    rows = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for state in cells[0].split("(")[0].split(","):
            rows[state.strip()] = cells[1:]
    return rows


SENDING_WORDS = (FrameType.ACCEPT, FrameType.HAVE, FrameType.REFUSE, FrameType.COMMIT)
RECEIVING_WORDS = (FrameType.DATA, FrameType.END, FrameType.CANCEL, FrameType.RAISE)


@pytest.mark.parametrize(("state", "kind"), list(product(SendState, SENDING_WORDS)))
def test_the_table_of_the_dialler_is_that_of_the_code(state: SendState, kind: FrameType) -> None:
    cell = _rows("| state | ACCEPT | HAVE | REFUSE | COMMIT names it |")[state.value]
    following = sending.TRANSITIONS.get((state, kind))
    word = cell[SENDING_WORDS.index(kind)]
    assert word.split(",")[0].split(";")[0] == ("fault" if following is None else following.value)


@pytest.mark.parametrize(("state", "kind"), list(product(ReceiveState, RECEIVING_WORDS)))
def test_the_table_of_the_listener_is_that_of_the_code(
    state: ReceiveState, kind: FrameType
) -> None:
    cell = _rows("| state | DATA | END | CANCEL | RAISE |")[state.value]
    following = receiving.TRANSITIONS.get((state, kind))
    word = cell[RECEIVING_WORDS.index(kind)].split(",")[0].replace("passed over", "closed")
    assert word == ("fault" if following is None else following.value)


def test_what_is_signed_stands_there() -> None:
    payload = commit_payload("flers-caen", Commit(1, 7, ((NAME, "stored"),), b""))
    assert payload.decode() in DOCUMENT
    assert to_be_signed(COMMIT_TYPE, payload).startswith(b"DSSEv1 19 bocage.relay-commit ")
    assert to_be_signed(HELLO_TYPE, bytes(32)).startswith(b"DSSEv1 18 bocage.relay-hello 32 ")
    assert "DSSEv1 19 bocage.relay-commit" in DOCUMENT
    assert "DSSEv1 18 bocage.relay-hello 32" in DOCUMENT
