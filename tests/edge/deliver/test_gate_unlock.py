from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_edge.deliver.gate_unlock import take_gate_secret
from bocage_edge.deliver.unlocking import Unlocked, read_opening_keys
from bocage_edge.paths import Box
from bocage_edge.seal.keys import new_key, new_paper_code, unwrap, with_gate, wrap

KEY, CODE, SECRET = new_key(), new_paper_code(), bytes(range(32))
NOW = 1_800_000_000.0


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A locked box whose opening key is wrapped for the gate as well."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        made = Box(tmp_path, Path(memory))
        made.opening_dir.mkdir()
        made.gate_secret.parent.mkdir()
        made.opening_wrapped.write_bytes(with_gate(wrap(KEY.secret, CODE), KEY.secret, SECRET))
        yield made


def bring(box: Box, secret: bytes) -> None:
    """Do what the agent does."""
    box.gate_secret.write_bytes(base64.b64encode(secret))


def test_what_the_gate_gave_unlocks_the_box_once(box: Box) -> None:
    bring(box, SECRET)
    brought = take_gate_secret(box, NOW)
    assert brought is not None and brought.entry is not None
    assert brought.entry.body == {"by": "gate"}
    assert read_opening_keys(box.opening_key) == Unlocked((KEY.secret,))
    assert not box.gate_secret.exists()
    assert take_gate_secret(box, NOW) is None


def test_a_wrong_secret_opens_nothing_and_is_not_kept(box: Box) -> None:
    for wrong in (bytes(32), b"short", b""):
        bring(box, wrong)
        brought = take_gate_secret(box, NOW)
        assert brought is not None and brought.entry is None and brought.fault
        assert not box.gate_secret.exists()
    assert not box.opening_key.exists()


def test_a_key_that_lies_there_already_stays_beside_it(box: Box) -> None:
    other = new_key().secret
    box.opening_key.write_text(f"{other}\n")
    box.opening_key.chmod(0o600)
    bring(box, SECRET)
    take_gate_secret(box, NOW)
    assert read_opening_keys(box.opening_key) == Unlocked((other, KEY.secret))


def test_the_paper_code_still_opens_it(box: Box) -> None:
    assert unwrap(box.opening_wrapped.read_bytes(), CODE) == KEY.secret


def test_a_second_enrolment_replaces_the_gates_slot(box: Box) -> None:
    again = with_gate(box.opening_wrapped.read_bytes(), KEY.secret, bytes(32))
    box.opening_wrapped.write_bytes(again)
    bring(box, SECRET)
    brought = take_gate_secret(box, NOW)
    assert brought is not None and brought.entry is None
    bring(box, bytes(32))
    brought = take_gate_secret(box, NOW)
    assert brought is not None and brought.entry is not None
