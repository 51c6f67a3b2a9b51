"""The door for a person: what it says, and where. Nothing here sets anything up."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.source_tree import ROOT

pytestmark = pytest.mark.processes


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ./run as a person would, from another folder."""
    command = [str(ROOT / "run"), *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [(), ("help",), ("--help",), ("-h",)])
def test_help_is_given_on_standard_output(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "./run demo" in done.stdout


def test_help_names_every_command() -> None:
    commands = re.findall(r"^([a-z]+)\) ", (ROOT / "run").read_text(), re.MULTILINE)
    assert commands
    assert [name for name in commands if f"./run {name}" not in run("help").stdout] == []


def test_an_unknown_command_leaves_standard_output_clean() -> None:
    done = run("frobnicate")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no command 'frobnicate'" in done.stderr
    assert "./run demo" in done.stderr
