"""The command line without a running box: what it says where something is missing or wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.fingerprint import fingerprint
from bocage_edge.cli import main
from bocage_edge.configuration import load_card
from bocage_edge.paths import Box
from bocage_system.mounts import is_in_memory
from tests.contract.keys import desired_document, identity, keyset_of, public

pytestmark = pytest.mark.processes  # wg makes the tunnel key

CONSOLE, STRANGER = identity(5), identity(6)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A box after its first boot."""
    folder = tmp_path_factory.mktemp("box")
    box = Box(folder / "state", folder / "run")
    keyset = folder / "keyset.json"
    keyset.write_bytes(keyset_of(CONSOLE))
    told = ("--keyset", str(keyset), "--owners", owners(), "--json")
    done = run(box, "setup", "--device", "flers-1", *told)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert len(said["words"]["fr"]) == len(said["words"]["en"]) == 6
    assert said["recovery_key"].startswith("AGE-SECRET-KEY-1")
    return box


def owners() -> str:
    """Everything belongs to whoever runs the tests."""
    units = ",".join(f"{unit}={os.getuid()}" for unit in ("keeper", "link", "receive"))
    more = ",".join(f"{unit}={os.getuid()}" for unit in ("relay", "deliver", "agent"))
    return f"{units},{more},group={os.getgid()}"


def run(box: Box, *words: str, stdin: str | None = None) -> Result:
    """Run a command on a box."""
    arguments = ["--state", str(box.state), "--run", str(box.run), *words]
    return CliRunner().invoke(main, arguments, input=stdin)


def signed(box: Box, folder: Path, revision: int, by: Ed25519PrivateKey = CONSOLE) -> Path:
    """Write a signed configuration for this box."""
    document = desired_document(identity(1))
    own = load_card(box)
    document |= {"audience": fingerprint(own.identity_key), "revision": revision}
    path = folder / f"desired-{revision}.json"
    path.write_bytes(seal_desired(Desired.of(document), by.sign, public(by)))
    return path


def test_a_configuration_only_goes_forward(box: Box, tmp_path: Path) -> None:
    """A newer one is loaded; the same, an older and a stranger's are refused, and it stays."""
    assert run(box, "config", "load", str(signed(box, tmp_path, 5))).exit_code == 0
    for path in (signed(box, tmp_path, 5), signed(box, tmp_path, 4)):
        refused = run(box, "config", "load", str(path))
        assert refused.exit_code == 1
        assert "older" in refused.stderr
    forged = run(box, "config", "load", str(signed(box, tmp_path, 9, STRANGER)))
    assert forged.exit_code == 1
    assert "trusted signatures" in forged.stderr
    shown = run(box, "config", "show")
    assert json.loads(shown.stdout)["revision"] == 5


def test_a_box_without_keys_says_what_to_do(tmp_path: Path) -> None:
    """The hint names the command."""
    refused = run(Box(tmp_path / "state", tmp_path / "run"), "config", "show")
    assert refused.exit_code == 1
    assert "bocage-edge setup" in refused.stderr


def test_the_card_is_shown_with_its_words(box: Box, tmp_path: Path) -> None:
    """For the partner's configuration, and for the telephone."""
    done = run(box, "card", "--out", str(tmp_path / "card.json"))
    assert done.exit_code == 0
    assert (tmp_path / "card.json").read_bytes() == box.card.read_bytes()
    assert done.stderr.startswith("flers-1: ")


def test_a_keyset_is_replaced_by_one_its_roots_signed(box: Box, tmp_path: Path) -> None:
    """And never by the same version again with other keys."""
    file = tmp_path / "keyset.json"
    file.write_bytes(keyset_of(CONSOLE, STRANGER))
    refused = run(box, "config", "keyset", str(file))
    assert refused.exit_code == 1
    assert "not newer" in refused.stderr
    file.write_bytes(keyset_of(CONSOLE, version=2))
    done = run(box, "config", "keyset", str(file))
    assert done.stderr == "keyset 2 is in force\n"
    assert box.keyset.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("setup", "--device", "flers-1", "--keyset", "nowhere"), "nowhere"),
        (("ledger", "show"), "keeper does not answer"),
        (("pair", "confirm", "nowhere", "--words", "a"), "no link nowhere"),
        (("pair", "confirm", "flers-caen", "--words", "a"), "no card"),
    ],
)
def test_what_cannot_be_done_is_said(
    box: Box, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    """One sentence, exit status 1, no traceback."""
    run(box, "config", "load", str(signed(box, tmp_path, 100)))
    refused = run(box, *words)
    assert refused.exit_code == 1
    assert says in refused.stderr
    assert "Traceback" not in refused.output


def test_an_opening_key_never_lies_on_a_disk(box: Box) -> None:
    """The run folder of this test is not in memory: unlocking refuses."""
    if is_in_memory(box.run):
        pytest.skip("the temporary folder of this machine is in memory")
    refused = run(box, "unlock", stdin="0000-0000\n")
    assert refused.exit_code == 1
    assert "may only lie in memory" in refused.stderr
    assert not box.opening_key.exists()


def test_a_new_spool_is_sound(box: Box) -> None:
    """Status 0 and nothing to list."""
    done = run(box, "spool", "verify", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["clean"] is True
    assert run(box, "spool", "list").stdout == ""


def test_the_audit_certificate_is_made_once_and_printed_without_its_key(box: Box) -> None:
    first, again = (run(box, "audit", "certificate") for _ in range(2))
    assert first.exit_code == 0, first.output
    assert first.stdout == again.stdout
    assert first.stdout.startswith("-----BEGIN CERTIFICATE-----\n")
    assert "PRIVATE" not in first.output
    assert box.audit_certificate.stat().st_mode & 0o777 == 0o600
