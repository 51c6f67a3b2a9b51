"""Signing configurations by hand."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bocage_contract.configuration import open_desired
from bocage_contract.fleet.keyset import Purpose, read_first_keyset
from bocage_provisioning.cli import main
from tests.contract.keys import desired_document, identity


def run(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, ["configuration", *words])


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A whole configuration, not signed."""
    path = tmp_path / "desired.json"
    path.write_text(json.dumps(desired_document(identity(1))))
    return path


def test_a_box_that_trusts_the_key_takes_what_it_signed(tmp_path: Path, document: Path) -> None:
    """The printed public half goes into the keyset, which one root signs."""
    made = run("key", str(tmp_path / "key"))
    assert made.exit_code == 0
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    out = tmp_path / "signed"
    signed = run("sign", str(document), "--key", str(tmp_path / "key"), "--out", str(out))
    assert signed.exit_code == 0, signed.output
    root = run("key", str(tmp_path / "root"))
    keyset = tmp_path / "keyset"
    told = ("--root", str(tmp_path / "root"), "--signs", made.stdout.strip(), "--out", str(keyset))
    assert run("keyset", *told).exit_code == 0, root.output
    (trusted,) = read_first_keyset(keyset.read_bytes()).keys(Purpose.CONFIGURATION)
    assert trusted == base64.b64decode(made.stdout)
    value = json.loads(document.read_text())
    desired = open_desired(out.read_bytes(), {trusted}, value["audience"])
    assert desired.revision == value["revision"]


def test_a_key_is_never_overwritten_and_never_readable_by_others(
    tmp_path: Path, document: Path
) -> None:
    """Losing it means going to every box."""
    key = tmp_path / "key"
    run("key", str(key))
    before = key.read_bytes()
    assert run("key", str(key)).exit_code == 1
    assert key.read_bytes() == before
    key.chmod(0o640)
    refused = run("sign", str(document), "--key", str(key), "--out", str(tmp_path / "out"))
    assert refused.exit_code == 1
    assert "chmod 600" in refused.stderr


@pytest.mark.parametrize("text", ["", "{}", '{"device": 1}', "nonsense"])
def test_what_is_no_configuration_is_not_signed(tmp_path: Path, text: str) -> None:
    """All faults are named, and no file is written."""
    run("key", str(tmp_path / "key"))
    bad = tmp_path / "bad.json"
    bad.write_text(text)
    out = tmp_path / "out"
    refused = run("sign", str(bad), "--key", str(tmp_path / "key"), "--out", str(out))
    assert refused.exit_code == 1
    assert not out.exists()


def test_a_file_that_is_no_key_is_said_to_be_none(tmp_path: Path, document: Path) -> None:
    """Not a traceback."""
    key = tmp_path / "key"
    key.write_text("hello")
    key.chmod(0o600)
    refused = run("sign", str(document), "--key", str(key), "--out", str(tmp_path / "out"))
    assert refused.exit_code == 1
    assert "no key of ours" in refused.stderr
