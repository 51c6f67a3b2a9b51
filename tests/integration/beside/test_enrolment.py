"""A new box, the real gate over TLS, an operator who compares six words."""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_contract import fingerprint
from bocage_contract.card import open_card
from bocage_contract.fleet.enrolment import EnrolmentCode, EnrolmentFile, read_code
from bocage_edge.deliver.gate_unlock import take_gate_secret
from bocage_edge.gate import Gate, GateError, fetch_authority
from bocage_edge.paths import Box
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import PIPE, Child, CommandError, spawn
from tests.console.fleet import HOSPITAL, profile
from tests.integration.console import Console

pytestmark = pytest.mark.integration
BOOT, NEXT_BOOT = "a" * 32, "b" * 32


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    file = made.file("flers.json", profile("Hôpital de Flers", aet="PACS").to_json())
    made.run("site", "put", "flers", file)
    made.run("device", "add", HOSPITAL, "--site", "flers")
    made.start("gate")
    yield made
    made.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        yield Box(tmp_path / "state", Path(memory))


def ask(box: Box, file: Path) -> Child:
    """Type `enrol` on the box; it waits for the operator."""
    units = ("keeper", "link", "receive", "relay", "deliver", "agent")
    owners = ",".join([*(f"{unit}={os.getuid()}" for unit in units), f"group={os.getgid()}"])
    box_words = ("--state", str(box.state), "--run", str(box.run))
    words = ("enrol", "--file", str(file), "--owners", owners, "--json")
    argv = [sys.executable, "-m", "bocage_edge", *box_words, *words]
    return spawn(argv, stdout=PIPE, stderr=PIPE)


def spoken(box: Box) -> str:
    """The six words the box shows."""
    return " ".join(fingerprint.words(open_card(box.card.read_bytes()).identity_key))


def grant(console: Console, box: Box) -> None:
    """Compare the words on the telephone and say yes."""
    wait_until(lambda: HOSPITAL in console.run("enrol", "list"), 30, "the request")
    assert spoken(box) in console.run("enrol", "list")
    console.run("enrol", "grant", HOSPITAL, "--words", spoken(box))


def test_a_box_from_its_carton_is_let_in(console: Console, box: Box) -> None:
    """Keys, paper, card, certificate, keyset, and the way to be unlocked: by one command."""
    asking = ask(box, console.enrol(HOSPITAL))
    grant(console, box)
    assert asking.wait(60) == 0
    assert asking.stdout is not None and asking.stderr is not None
    paper = json.loads(asking.stdout.read())
    assert paper["device"] == HOSPITAL and paper["words"]["fr"] == spoken(box).split()
    asking.stdout.close()
    asking.stderr.close()
    assert console.devices()[HOSPITAL]["state"] == "active"
    assert box.keyset.read_bytes() == (console.state / "keyset.json").read_bytes()
    for secret in (box.session_key, box.opening_wrapped, box.identity_key):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    gate = Gate(console.gate, box.authority.read_text(), (box.session_key, box.session_certificate))
    given = gate.post("/v1/unlock", {"boot": BOOT})
    assert given.status == 200
    box.gate_secret.write_text(given.value["unlock"])
    brought = take_gate_secret(box, 1.0)
    assert brought is not None and brought.entry is not None
    assert gate.post("/v1/unlock", {"boot": BOOT}).value == {"refused": "already_this_boot"}
    assert gate.post("/v1/unlock", {"boot": NEXT_BOOT}).status == 200
    console.run("device", "fence", HOSPITAL, "--reason", "stolen")
    assert gate.post("/v1/unlock", {"boot": "c" * 32}).value == {"refused": "fenced"}


def test_without_a_certificate_nobody_is_unlocked(console: Console, box: Box) -> None:
    code = read_code(EnrolmentFile.read(console.enrol(HOSPITAL).read_bytes()).code)
    stranger = Gate(console.gate, fetch_authority(console.gate, code))
    assert stranger.post("/v1/unlock", {"boot": BOOT}).status == 403


def test_a_console_the_code_was_not_made_by_is_not_spoken_to(console: Console) -> None:
    """Somebody stands in between with a console of his own."""
    with pytest.raises(GateError, match="not the console"):
        fetch_authority(console.gate, EnrolmentCode(secret=1, pin=2))


def test_a_spent_code_is_told_in_words(console: Console, box: Box, tmp_path: Path) -> None:
    file = console.enrol(HOSPITAL)
    asking = ask(box, file)
    grant(console, box)
    assert asking.wait(60) == 0
    for stream in (asking.stdout, asking.stderr):
        assert stream is not None
        stream.close()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        other = Box(tmp_path / "other", Path(memory))
        refused = ask(other, file)
        assert refused.wait(60) == 1
        assert refused.stderr is not None and refused.stdout is not None
        assert b"the code is spent" in refused.stderr.read()
        refused.stderr.close()
        refused.stdout.close()
        assert not other.card.exists()


def test_an_operator_types_other_words_and_nobody_is_let_in(console: Console, box: Box) -> None:
    asking = ask(box, console.enrol(HOSPITAL))
    wait_until(lambda: HOSPITAL in console.run("enrol", "list"), 30, "the request")
    with pytest.raises(CommandError, match="no box that waits"):
        console.run("enrol", "grant", HOSPITAL, "--words", "un deux trois quatre cinq six")
    (ticket,) = [
        line.split()[0] for line in console.run("enrol", "list").splitlines() if HOSPITAL in line
    ]
    console.run("enrol", "refuse", ticket)
    assert asking.wait(60) == 1
    assert asking.stderr is not None and asking.stdout is not None
    assert b"the operator said no" in asking.stderr.read()
    asking.stderr.close()
    asking.stdout.close()
    assert not box.session_key.exists()
