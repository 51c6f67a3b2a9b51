"""What every long-running process shares."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest

from bocage_system.command import PIPE, spawn
from bocage_system.daemon import notify_ready, notify_watchdog, stop_event


def test_a_termination_signal_sets_the_event() -> None:
    """SIGTERM asks to finish, it does not cut."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        woken: list[bool] = []
        stop = stop_event(lambda: woken.append(stop.is_set()))
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(5)
        assert woken == [True]
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def test_the_supervisor_hears_that_we_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sd_notify's datagrams; nothing happens where nobody asked for them."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_ready()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify_ready()
        notify_watchdog()
        assert [supervisor.recv(64) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]


@pytest.mark.processes
def test_a_surprise_in_a_thread_ends_the_process() -> None:
    """A dead thread in a living process would be silence."""
    code = (
        "import threading; from bocage_system.daemon import end_on_thread_error;"
        "end_on_thread_error(); threading.Thread(target=lambda: 1 / 0).start();"
        "threading.Event().wait()"
    )
    child = spawn([sys.executable, "-c", code], stderr=PIPE)
    assert child.wait(30) == 70
    assert child.stderr is not None
    with child.stderr as messages:
        assert b"ZeroDivisionError" in messages.read()
