"""A convention goes from a file to both sites' approval on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bocage_contract.convention.approval import Approved, verify_approvals
from bocage_provisioning.cli import main
from tests.contract.convention.test_model import WRITTEN


def run(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A convention as somebody wrote it."""
    path = tmp_path / "convention.json"
    path.write_text(json.dumps(WRITTEN))
    return path


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    """The responsible persons' keys: of the hospital, of the practice."""
    found = str(tmp_path / "hospital.key"), str(tmp_path / "practice.key")
    for each in found:
        assert run("configuration", "key", each).exit_code == 0
    return found


def approve(file: Path, key: str, site: str, *more: str) -> Result:
    """Approve for one site."""
    name = ("--name", "Mme Lebrun")
    return run("convention", "approve", str(file), "--key", key, "--site", site, *name, *more)


def test_a_sound_convention_passes_with_what_one_should_know(written: Path) -> None:
    result = run("convention", "check", str(written), "--language", "en")
    assert result.exit_code == 0, result.output
    assert "nothing to put right" in result.output
    assert "services: no service of class" in result.output


def test_every_fault_is_told_in_french_and_the_status_says_so(written: Path) -> None:
    wrong = {**WRITTEN, "version": 0, "timezone": "Mars/Olympus"}
    written.write_text(json.dumps(wrong))
    result = run("convention", "check", str(written))
    assert result.exit_code == 1
    assert "version: cette valeur ne convient pas ; écrivez un nombre entier" in result.output
    assert "2 à corriger" in result.output


def test_two_people_put_it_in_force(written: Path, keys: tuple[str, str]) -> None:
    first = approve(written, keys[0], "requesting")
    assert first.exit_code == 0, first.output
    assert "il manque l'approbation" in first.stderr
    again = approve(written, keys[0], "requesting")  # replaces its own
    assert "il manque l'approbation" in again.stderr
    second = approve(written, keys[1], "reading", "--language", "en")
    assert "both sites have approved" in second.stderr
    assert first.stderr.splitlines()[0][-19:] == second.stderr.splitlines()[0][-19:]
    verify_approvals(Approved.read(written.read_bytes()))
    assert run("convention", "check", str(written)).exit_code == 0


def test_one_key_is_not_two_people(written: Path, keys: tuple[str, str]) -> None:
    approve(written, keys[0], "requesting")
    before = written.read_bytes()
    refused = approve(written, keys[0], "reading")
    assert refused.exit_code == 1
    assert "two people" in refused.output
    assert written.read_bytes() == before


def test_words_changed_after_an_approval_are_seen(written: Path, keys: tuple[str, str]) -> None:
    approve(written, keys[0], "requesting")
    value = json.loads(written.read_text())
    value["convention"]["arrive_before_min"] = 5
    written.write_text(json.dumps(value))
    refused = approve(written, keys[1], "reading")
    assert refused.exit_code == 1
    assert "start again from the convention alone" in refused.output


def test_a_faulty_convention_cannot_be_approved(written: Path, keys: tuple[str, str]) -> None:
    written.write_text(json.dumps({**WRITTEN, "valid_until": "2020-01-01"}))
    assert approve(written, keys[0], "requesting").exit_code == 1
    assert "approvals" not in written.read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "\ud800", "null", '{"convention": {}}'])
def test_what_is_no_convention_is_told(written: Path, text: str) -> None:
    written.write_bytes(text.encode("utf-8", "surrogatepass"))
    result = run("convention", "check", str(written))
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
