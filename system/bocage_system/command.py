"""The one door to other programs.

Nothing else in the product imports `subprocess`. Programs get an argument list, never a shell, an
environment we built, and a closed standard input unless the caller gives one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Container, Mapping, Sequence
from typing import IO, Protocol

Argv = Sequence[str | os.PathLike[str]]
Stream = int | IO[bytes] | None

PIPE = subprocess.PIPE
DEVNULL = subprocess.DEVNULL

_SHOWN_STDERR_CHARS = 2000


class CommandError(Exception):
    """A program ended with an exit status the caller did not list, or could not be started.

    The standard input is not part of the message: it may hold a key.
    """

    def __init__(self, argv: Sequence[str], exit_code: int | None, stderr: str) -> None:
        """Keep what a person needs to run the command again.

        Args:
            exit_code: None where the program did not start or ran out of time.
        """
        self.argv = tuple(argv)
        self.exit_code = exit_code
        self.stderr = stderr.strip()[-_SHOWN_STDERR_CHARS:]
        how = "did not finish" if exit_code is None else f"exit status {exit_code}"
        super().__init__(f"{' '.join(self.argv)}: {how}: {self.stderr or 'no message'}")


class Host(Protocol):
    """A machine that runs commands: the real one, a namespace of it, or a model in tests."""

    def run(
        self,
        argv: Argv,
        *,
        stdin: str | None = None,
        timeout_s: float = 30.0,
        ok: Container[int] = (0,),
    ) -> str:
        """Run a program to its end and give its standard output.

        Raises:
            CommandError: another exit status than those in `ok`, no such program, or no end
                within `timeout_s`.
        """


class LocalHost:
    """This machine, or one network namespace of it."""

    def __init__(self, namespace: str | None = None) -> None:
        """Choose where commands run.

        Args:
            namespace: name of a network namespace (ip-netns(8)); None for the one we are in.
        """
        self.namespace = namespace

    def run(
        self,
        argv: Argv,
        *,
        stdin: str | None = None,
        timeout_s: float = 30.0,
        ok: Container[int] = (0,),
    ) -> str:
        """Run a program to its end; see `Host.run`."""
        full = in_namespace(self.namespace, argv)
        try:
            done = subprocess.run(
                full,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout_s,
                env=environment(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CommandError(full, None, f"no end within {timeout_s:g} s") from None
        except OSError as error:
            raise CommandError(full, None, str(error)) from error
        if done.returncode not in ok:
            raise CommandError(full, done.returncode, done.stderr)
        return done.stdout


class Child:
    """A program that goes on running beside us."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Wrap a started process."""
        self._process = process

    @property
    def pid(self) -> int:
        """Process id; also its process group where it was started in a new session."""
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes] | None:
        """The pipe into the program, if one was asked for."""
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        """The pipe out of the program, if one was asked for."""
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        """The pipe of the program's messages, if one was asked for."""
        return self._process.stderr

    def poll(self) -> int | None:
        """Exit status (negative: the signal that ended it), or None while it runs."""
        return self._process.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end and give the exit status.

        Raises:
            TimeoutError: it still runs after `timeout_s`.
        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"process {self.pid} still runs after {timeout_s} s") from None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens where the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def terminate(self) -> None:
        """Ask the program to end."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the program at once."""
        self.signal(signal.SIGKILL)

    def kill_group(self) -> None:
        """End the program and what it started, where it leads a session of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, signal.SIGKILL)
        self.kill()


def spawn(
    argv: Argv,
    *,
    namespace: str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: Stream = DEVNULL,
    stdout: Stream = DEVNULL,
    stderr: Stream = None,
    cwd: str | os.PathLike[str] | None = None,
    pass_fds: Sequence[int] = (),
    new_session: bool = True,
) -> Child:
    """Start a program and go on.

    Args:
        env: added to the small environment of `environment()`.
        stderr: None shares ours, so that messages reach the journal.
        new_session: give it a session and process group of its own, so that it can be ended whole.

    Raises:
        CommandError: it could not be started.
    """
    full = in_namespace(namespace, argv)
    try:
        process = subprocess.Popen(
            full,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env=environment() | dict(env or {}),
            pass_fds=tuple(pass_fds),
            start_new_session=new_session,
        )
    except OSError as error:
        raise CommandError(full, None, str(error)) from error
    return Child(process)


def in_namespace(namespace: str | None, argv: Argv) -> list[str]:
    """Prefix a command so that it runs in a network namespace. Source: ip-netns(8)."""
    full = [os.fspath(word) for word in argv]
    return full if namespace is None else ["ip", "netns", "exec", namespace, *full]


def environment() -> dict[str, str]:
    """The environment programs get: a path, English messages in UTF-8, our temp folder."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {"PATH": _PATH, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", **kept}


_PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
_KEPT = ("HOME", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "TERM")
