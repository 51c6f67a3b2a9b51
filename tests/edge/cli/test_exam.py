"""Exams by their reference on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.exam_class import ExamClass
from bocage_contract.fingerprint import fingerprint
from bocage_edge.cli import main
from bocage_edge.configuration import load_card
from bocage_edge.exam.identity import exam_ref
from bocage_edge.paths import Box
from bocage_edge.spool.exams import Exam, ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction
from tests.contract.keys import desired_document, identity, keyset_of, public
from tests.edge.cli.test_cli import CONSOLE, owners, run
from tests.edge.spool.exams import put
from tests.edge.spool.making import accept
from tests.edge.spool.making import outgoing as made

pytestmark = pytest.mark.processes  # wg makes the tunnel key

LINK = "flers-caen"
EXAM_ID = made("one").exam_id
REF = exam_ref(EXAM_ID)
EXAM = Exam(
    Direction.OUT, LINK, EXAM_ID, ExamClass.ROUTINE, "FLERS", ExamState.ACCEPTED, first_at=0.0,
    modality="CR",
)  # fmt: skip


def configured(box: Box, folder: Path) -> Path:
    """A signed configuration whose link has a routine and an urgent service."""
    document = desired_document(identity(1))
    document["audience"] = fingerprint(load_card(box).identity_key)
    document["links"][0]["services"] = [
        {"aet": "FLERS", "class": "routine"},
        {"aet": "FLERS_URG", "class": "urgent"},
    ]
    path = folder / "desired.json"
    path.write_bytes(seal_desired(Desired.of(document), CONSOLE.sign, public(CONSOLE)))
    return path


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A box with a configuration and one exam of one instance; no unit runs."""
    box = Box(tmp_path / "state", tmp_path / "run")
    keyset = tmp_path / "keyset.json"
    keyset.write_bytes(keyset_of(CONSOLE))
    told = ("--keyset", str(keyset), "--owners", owners(), "--json")
    done = run(box, "setup", "--device", "flers-1", *told)
    assert done.exit_code == 0, done.output
    assert run(box, "config", "load", str(configured(box, tmp_path))).exit_code == 0
    spool = Spool(box.spool, box.clock(), unit="receive", reserve_bytes=0)
    put(spool, replace(EXAM, first_at=box.clock().now(), accepted_at=box.clock().now()))
    accept(spool, b"one", made("one", link=LINK))
    spool.close()
    yield box


def test_listed_shown_cancelled(box: Box) -> None:
    listed = run(box, "exam", "list", "--json")
    (row,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (row["exam_ref"], row["unsent"], row["klass"]) == (REF, 1, "routine")
    assert REF in run(box, "exam", "list").stdout
    shown = run(box, "exam", "show", REF.lower())
    assert shown.exit_code == 0, shown.output
    assert "objets non envoyés         1" in shown.stdout
    done = run(box, "exam", "cancel", REF)
    assert done.exit_code == 0, done.output
    assert f"{REF} annulé : 1 objets retirés de l'envoi" in done.stdout
    again = run(box, "exam", "cancel", REF)
    assert again.exit_code == 1
    assert "déjà annulé" in again.stderr
    state = json.loads(run(box, "exam", "show", REF, "--json").stdout)
    assert (state["state"], state["unsent"]) == ("cancelled", 0)


def test_raised(box: Box) -> None:
    done = run(box, "exam", "raise", REF)
    assert done.exit_code == 0, done.output
    assert f"{REF} est urgent, comme sur FLERS_URG" in done.stdout
    again = run(box, "exam", "raise", REF)
    assert again.exit_code == 1
    assert "ne peut pas devenir urgent" in again.stderr


def test_what_is_not_there_is_told_with_what_to_do(box: Box) -> None:
    unknown = run(box, "exam", "show", "ZZ-ZZZZ")
    assert unknown.exit_code == 1
    assert "bocage-edge exam list" in unknown.stderr
    assert CliRunner().invoke(main, ["exam", "--help"]).exit_code == 0
