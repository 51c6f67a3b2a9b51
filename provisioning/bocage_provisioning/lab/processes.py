"""The laboratory's supervisor: starts programs as systemd would, and again after a crash.

All programs are started by one thread, which lives as long as they do: the kernel's parent-death
signal follows the thread that started a process, and it is what ends the laboratory when its parent
is killed. Source: systemd.service(5) Restart=, prctl(2) PR_SET_PDEATHSIG, setpriv(1).
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bocage_provisioning.lab.code import Way
from bocage_provisioning.lab.errors import LabError
from bocage_system.command import Child, spawn

RESTART_DELAY_S = 0.2  # as in the unit files
STOP_TIMEOUT_S = 5.0
CALL_TIMEOUT_S = 30.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a program runs as, and the powers of root it keeps (setpriv names such as net_admin)."""

    uid: int
    gid: int
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """One program of the laboratory.

    Args:
        log: takes its standard output and error.
        way: folders to open for its user, seen by this program alone (see `launch.py`).
    """

    name: str
    argv: tuple[str, ...]
    namespace: str
    owner: Owner
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    way: Way = field(default_factory=Way)
    is_restarted: bool = True


def full_argv(program: Program, launcher: tuple[str, ...]) -> list[str]:
    """Write the command that gives up every power the program does not need, then becomes it.

    Args:
        launcher: runs `launch.py`; used only where a folder is in the way.
    """
    powers = "".join(f",+{name}" for name in program.owner.capabilities)
    dropped = [
        *("setpriv", "--reuid", str(program.owner.uid), "--regid", str(program.owner.gid)),
        *("--clear-groups", "--no-new-privs", "--inh-caps=-all", f"--bounding-set=-all{powers}"),
        *("--pdeathsig", "KILL", "--", *program.argv),
    ]
    if not program.way.covered:
        return dropped
    covered = [f"cover={folder}" for folder in program.way.covered]
    keep = [f"keep={folder}" for folder in program.way.kept]
    return [*launcher, *covered, *keep, "--", *dropped]


@dataclass(slots=True)
class _Running:
    program: Program
    child: Child | None = None
    pidfd: int = -1
    restart_at: float | None = None
    exits: list[int] = field(default_factory=list)
    is_wanted: bool = True


class Supervisor:
    """Runs programs until it is closed."""

    def __init__(self, launcher: tuple[str, ...]) -> None:
        """Begin with nothing running; see `full_argv` for the launcher."""
        self._launcher = launcher
        self._running: dict[str, _Running] = {}
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._is_ended = False
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)
        self._thread.start()

    def start(self, program: Program) -> int:
        """Start a program and give its process id.

        Raises:
            LabError: one of this name runs.
            CommandError: it could not be started.
        """
        return self._call(lambda: self._start_in_loop(program))

    def stop(self, *names: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End programs for good, all at once: asked first, killed after 5 s.

        Raises:
            LabError: one was never started, or does not die.
        """
        for name in names:
            self._call(lambda name=name: self._unwant(name))  # type: ignore[misc]
        for signal_number in (number, signal.SIGKILL):
            for name in names:
                self._signal(name, signal_number)
            if self._wait(lambda: not any(self._pid(name) for name in names), STOP_TIMEOUT_S):
                break
        for name in names:
            self._call(lambda name=name: self._forget(name))  # type: ignore[misc]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a program, which is restarted if it dies of it; give the process id.

        Raises:
            LabError: it does not run.
        """
        pid = self._signal(name, number)
        if pid is None:
            raise LabError(f"{name} does not run")
        return pid

    def pid(self, name: str) -> int | None:
        """Process id of a program; None while it is between two lives."""
        with self._changed:
            return self._pid(name)

    def exits(self, name: str) -> list[int]:
        """Exit statuses of a program's lives so far; negative: the signal that ended it."""
        with self._changed:
            return list(self._running[name].exits)

    def wait_restarted(self, name: str, old_pid: int, timeout_s: float = 10.0) -> int:
        """Wait until a program lives again under another process id.

        Raises:
            LabError: it does not within the time.
        """
        if not self._wait(lambda: self._pid(name) not in (None, old_pid), timeout_s):
            raise LabError(f"{name} was not restarted within {timeout_s:g} s")
        pid = self.pid(name)
        return old_pid if pid is None else pid

    def close(self) -> None:
        """End everything."""
        self.stop(*self._running)
        self._call(self._end)
        self._thread.join(STOP_TIMEOUT_S)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _pid(self, name: str) -> int | None:
        running = self._running.get(name)
        return running.child.pid if running and running.child else None

    def _signal(self, name: str, number: signal.Signals) -> int | None:
        # In the loop, so that the process cannot be reaped and its number be given away meanwhile.
        return self._call(lambda: self._signal_in_loop(name, number))

    def _wait(self, is_true: Callable[[], bool], timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(is_true, timeout_s)

    # --- in the supervisor's thread ---

    def _call(self, act: Callable[[], T]) -> T:
        future: Future[T] = Future()

        def _do() -> None:
            try:
                future.set_result(act())
            except Exception as error:
                future.set_exception(error)

        self._requests.put(_do)
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"!")
        return future.result(CALL_TIMEOUT_S)

    def _loop(self) -> None:
        while not self._is_ended:
            poll = select.poll()
            poll.register(self._wake_read, select.POLLIN)
            for running in self._running.values():
                if running.child:
                    poll.register(running.pidfd, select.POLLIN)
            poll.poll(self._wait_ms())
            self._answer_requests()
            with self._changed:
                self._reap()
                self._restart_due()
                self._changed.notify_all()

    def _wait_ms(self) -> int | None:
        due = [r.restart_at for r in self._running.values() if r.restart_at is not None]
        return max(int((min(due) - time.monotonic()) * 1000) + 1, 0) if due else None

    def _answer_requests(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        while not self._requests.empty():
            request = self._requests.get()
            with self._changed:
                request()
                self._changed.notify_all()

    def _reap(self) -> None:
        for running in self._running.values():
            status = running.child.poll() if running.child else None
            if status is None:
                continue
            os.close(running.pidfd)
            running.child = None
            running.exits.append(status)
            if running.is_wanted and running.program.is_restarted:
                running.restart_at = time.monotonic() + RESTART_DELAY_S

    def _restart_due(self) -> None:
        for running in self._running.values():
            if running.restart_at is not None and running.restart_at <= time.monotonic():
                running.restart_at = None
                self._spawn(running)

    def _spawn(self, running: _Running) -> int:
        program = running.program
        with program.log.open("ab") as log:
            child = spawn(
                full_argv(program, self._launcher),
                namespace=program.namespace,
                env=program.env,
                stdout=log,
                stderr=log,
            )
        running.pidfd = os.pidfd_open(child.pid)
        running.child = child
        return child.pid

    def _start_in_loop(self, program: Program) -> int:
        if program.name in self._running:
            raise LabError(f"{program.name} runs already")
        running = _Running(program)
        pid = self._spawn(running)
        self._running[program.name] = running
        return pid

    def _signal_in_loop(self, name: str, number: signal.Signals) -> int | None:
        running = self._running.get(name)
        if running is None or running.child is None:
            return None
        running.child.signal(number)
        return running.child.pid

    def _unwant(self, name: str) -> None:
        if name not in self._running:
            raise LabError(f"{name} does not run")
        self._running[name].is_wanted = False
        self._running[name].restart_at = None

    def _forget(self, name: str) -> None:
        running = self._running.pop(name)
        if running.child:
            raise LabError(f"{name} does not die")

    def _end(self) -> None:
        self._is_ended = True
