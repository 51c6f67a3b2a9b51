"""A fleet set up by the commands an operator types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bocage_console.cli import main
from bocage_console.cli.opened import opened
from bocage_console.enrolment.asking import ask
from bocage_console.folder import Folder
from bocage_contract.fingerprint import words
from bocage_contract.fleet.enrolment import EnrolmentFile, read_code
from tests.console.fleet import HOSPITAL, LINK, PRACTICE, NewBox, path, profile
from tests.contract.keys import public


class Console:
    """A console's folder and the commands typed there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = Folder(root / "console")

    def run(self, *argv: str, fails: bool = False) -> str:
        """Type a command; gives what it printed."""
        result = CliRunner().invoke(main, ["--state", str(self.folder.root), *argv])
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    def file(self, name: str, value: dict[str, Any]) -> str:
        """Write a JSON file and give its path."""
        made = self.root / name
        made.write_text(json.dumps(value))
        return str(made)


@pytest.fixture
def console(tmp_path: Path) -> Console:
    made = Console(tmp_path)
    made.run("setup")
    return made


def two_boxes(console: Console) -> None:
    """Type in two sites, two places for boxes and the link."""
    for name, told, aet in (("flers", "Hôpital", "PACS"), ("thury", "Cabinet", "STATION")):
        file = console.file(f"{name}.json", profile(told, aet=aet).to_json())
        console.run("site", "put", name, file)
    console.run("device", "add", HOSPITAL, "--site", "flers")
    console.run("device", "add", PRACTICE, "--site", "thury")
    file = console.file("link.json", path().to_json())
    console.run("link", "put", LINK, file, "--requesting", HOSPITAL, "--reading", PRACTICE)


def test_the_ceremony_of_the_roots(console: Console) -> None:
    keys = [str(console.root / f"root{n}.key") for n in (1, 2, 3)]
    roots = [console.run("root", "key", key).strip() for key in keys]
    signing = console.run("root", "key", str(console.folder.signer / "signing.key")).strip()
    out = str(console.root / "keyset.json")

    def draft(version: str, key: str) -> None:
        named = [word for each in roots for word in ("--root", each)]
        console.run(
            *("root", "draft", "--version", version, *named),
            *("--configuration", signing, "--command", signing, "--key", key, "--out", out),
        )

    draft("1", keys[0])
    assert "1 of 2" in console.run("root", "install", out, fails=True)
    assert "keyset 1, 2 of 3 roots" in console.run("root", "sign", out, "--key", keys[1])
    assert "in force" in console.run("root", "install", out)
    draft("2", keys[2])
    console.run("root", "sign", out, "--key", keys[0])
    console.run("root", "install", out)
    draft("1", keys[0])
    console.run("root", "sign", out, "--key", keys[1])
    assert "not newer" in console.run("root", "install", out, fails=True)


def test_a_box_is_let_in_by_its_words(console: Console) -> None:
    two_boxes(console)
    file = console.root / "card.json"
    printed = console.run(
        *("enrol", "code", HOSPITAL, "--console", "console.example:8443", "--file", str(file))
    )
    told = EnrolmentFile.read(file.read_bytes())
    code = read_code(told.code)
    assert code.text in printed
    box = NewBox(HOSPITAL)
    with opened(console.folder) as database, database.writing() as session:
        ask(session, database_time(console), box.request(code.secret), "198.51.100.7")
    spoken = " ".join(words(public(box.identity)))
    assert spoken in console.run("enrol", "list")
    console.run("enrol", "grant", HOSPITAL, "--words", "six autres mots que les siens", fails=True)
    console.run("enrol", "grant", HOSPITAL, "--words", spoken.upper())
    (row,) = [each for each in listed(console) if each["device"] == HOSPITAL]
    assert (row["state"], row["presence"]) == ("active", "never_seen")
    console.run("device", "fence", HOSPITAL, "--reason", "stolen")
    (row,) = [each for each in listed(console) if each["device"] == HOSPITAL]
    assert row["state"] == "fenced"


def database_time(console: Console) -> float:
    """The time the commands go by."""
    return console.folder.sqlite.stat().st_mtime


def listed(console: Console) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(console.run("device", "list", "--json"))
    return found


def test_what_was_typed_stands_in_the_audit(console: Console) -> None:
    two_boxes(console)
    shown = console.run("audit", "show")
    for what in ("site added", "box awaited", "link added"):
        assert what in shown
    assert "the last" in console.run("audit", "verify")


def test_a_wrong_file_is_told_with_every_fault(console: Console) -> None:
    file = console.file("site.json", {"site": {"name": ""}, "receive": {"address": "nowhere"}})
    said = console.run("site", "put", "flers", file, fails=True)
    assert "site.name" in said and "receive.address" in said and "site.lan" in said


def test_a_link_between_unknown_boxes_is_told(console: Console) -> None:
    file = console.file("link.json", path().to_json())
    ends = ("--requesting", HOSPITAL, "--reading", PRACTICE)
    assert f"no box {HOSPITAL}" in console.run("link", "put", LINK, file, *ends, fails=True)


def test_a_console_without_set_up_says_what_to_do(tmp_path: Path) -> None:
    made = Console(tmp_path)
    made.folder.root.mkdir()
    assert "database upgrade" in made.run("device", "list", fails=True)


def test_set_up_twice_changes_nothing(console: Console) -> None:
    before = console.folder.authority.read_bytes()
    console.run("setup", fails=True)
    assert console.folder.authority.read_bytes() == before
