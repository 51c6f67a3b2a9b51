"""The one door to other programs."""

from __future__ import annotations

import signal
import sys

import pytest

from bocage_system.command import PIPE, CommandError, LocalHost, in_namespace, spawn

pytestmark = pytest.mark.processes


def python(code: str) -> list[str]:
    """Run a little Python."""
    return [sys.executable, "-c", code]


def test_a_program_gets_its_input_and_gives_its_output() -> None:
    """And a small environment with English messages."""
    code = "import os, sys; print(sys.stdin.read() + os.environ['LC_ALL'])"
    assert LocalHost().run(python(code), stdin="in ") == "in C.UTF-8\n"


def test_a_failure_carries_what_a_person_needs_but_not_the_input() -> None:
    """Command, exit status and message; the standard input may hold a key."""
    code = "import sys; sys.stdin.read(); sys.exit('no such tunnel')"
    with pytest.raises(CommandError) as caught:
        LocalHost().run(python(code), stdin="SECRET")
    assert caught.value.exit_code == 1
    assert "no such tunnel" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_an_exit_status_that_is_listed_is_no_failure() -> None:
    """Some programs answer with their exit status."""
    assert LocalHost().run(python("raise SystemExit(3)"), ok=(0, 3)) == ""


def test_no_program_and_no_end_are_command_errors_too() -> None:
    """Callers know one error."""
    with pytest.raises(CommandError):
        LocalHost().run(["/no/such/program"])
    with pytest.raises(CommandError):
        spawn(["/no/such/program"])
    with pytest.raises(CommandError, match="no end within"):
        LocalHost().run(python("import threading; threading.Event().wait()"), timeout_s=0.2)


def test_a_child_with_its_own_children_is_ended_whole() -> None:
    """What a killed program started does not live on."""
    code = (
        "import subprocess, sys, threading;"
        "wait = 'import threading; threading.Event().wait()';"
        "p = subprocess.Popen([sys.executable, '-c', wait]);"
        "print(p.pid, flush=True); threading.Event().wait()"
    )
    child = spawn(python(code), stdout=PIPE)
    assert child.stdout is not None
    with child.stdout as out:
        assert int(out.readline()) > 0
        child.kill_group()
        assert child.wait(10) == -signal.SIGKILL
        # The grandchild held the same pipe: its end closes it.
        assert out.read() == b""


def test_waiting_for_a_child_that_goes_on_times_out() -> None:
    """The caller decides what to do then."""
    child = spawn(python("import threading; threading.Event().wait()"))
    with pytest.raises(TimeoutError):
        child.wait(0.05)
    assert child.poll() is None
    child.terminate()
    assert child.wait(10) == -signal.SIGTERM


def test_a_namespace_is_a_prefix() -> None:
    """ip-netns(8) runs it there."""
    assert in_namespace("lab", ["wg", "show"]) == ["ip", "netns", "exec", "lab", "wg", "show"]
    assert in_namespace(None, ["wg"]) == ["wg"]
