"""kill -9, EIO and ENOSPC at every single system call that matters.

A small workload runs as a process under strace(1), which kills it, or fails the call, at the n-th
fsync, rename or write. Afterwards the spool is opened as after a reboot. What was acknowledged must
be there, whole; of what was not, nothing half; and the spool must verify.

Source: strace(1), "Tampering".
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectState
from bocage_system.command import PIPE, spawn
from tests.edge.spool.making import accept, assert_clean, name_of, open_spool, outgoing

ROOT = Path(__file__).parents[3]
WORKLOAD = Path(__file__).with_name("crash_workload.py")
TIMEOUT_S = 60.0

# Each call is counted for itself. Python renames with rename(2) or renameat(2), by machine.
CALLS = ["fsync", "fdatasync", "rename", "renameat", "write", "pwrite64"]
ERRORS = {"write": "ENOSPC", "pwrite64": "ENOSPC"}
KILL = "signal=SIGKILL"

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


@dataclass(frozen=True)
class Run:
    """How one run of the workload ended, and what it had acknowledged by then."""

    exit_code: int
    said: list[tuple[str, str]]

    def names(self, word: str) -> list[str]:
        return [name for said, name in self.said if said == word]


class Worker:
    """The process that forks workloads, and strace(1) attached to each."""

    def __init__(self) -> None:
        self._child = spawn(
            [sys.executable, str(WORKLOAD)],
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=PIPE,
            stdout=PIPE,
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._tell, self._answers = self._child.stdin, self._child.stdout

    def run(self, folder: Path, workload: str, tracing: Sequence[str]) -> Run:
        self._tell.write(f"{folder} {workload}\n".encode())
        self._tell.flush()
        pid = int(self._answers.readline().split()[1])
        tracer = spawn(
            ["strace", "-p", str(pid), "-o", str(folder / "trace"), *tracing], stderr=PIPE
        )
        assert tracer.stderr is not None
        with tracer.stderr as told:
            assert b"attached" in told.readline()
            os.kill(pid, signal.SIGCONT)
            told.read()
        tracer.wait(TIMEOUT_S)
        exit_code = int(self._answers.readline().split()[1])
        lines = (folder / "said").read_text().splitlines()
        said = [line.split(" ", 1) for line in lines]
        return Run(exit_code, [(word, name) for word, name in said])

    def close(self) -> None:
        self._tell.close()
        self._child.wait(TIMEOUT_S)
        self._answers.close()


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    started = Worker()
    yield started
    started.close()


def count_calls(worker: Worker, template: Path, folder: Path, workload: str, call: str) -> int:
    shutil.copytree(template, folder)
    ended = worker.run(folder, workload, ["-e", f"trace={call}"])
    assert ended.exit_code == 0
    return (folder / "trace").read_text().count(f"{call}(")


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is some: a kill loses nothing that was written, synced or not."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - made anew in it
    with tempfile.TemporaryDirectory(prefix="bocage-crash-", dir=memory) as made:
        yield Path(made)


@pytest.fixture(params=["out", "in", "settle"])
def workload(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(folder: Path, workload: str) -> Path:
    """A spool as the workload finds it."""
    made = folder / "template"
    spool = open_spool(made)
    if workload == "settle":
        for number in range(2):
            content = b"sealed %d" % number
            accept(spool, content, outgoing(content.decode()))
    spool.close()
    return made


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call_it_keeps_what_it_acknowledged(
    folder: Path, worker: Worker, template: Path, workload: str, call: str
) -> None:
    for box, ended in at_every_call(folder, worker, template, workload, call, KILL):
        assert ended.exit_code != 0
        check(box, workload, ended)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("workload", ["out", "in"], indirect=True)
def test_a_medium_that_refuses_once_is_answered_with_a_failure_and_no_more(
    folder: Path, worker: Worker, template: Path, workload: str, call: str
) -> None:
    error = f"error={ERRORS.get(call, 'EIO')}"
    for box, ended in at_every_call(folder, worker, template, workload, call, error):
        assert "(INJECTED)" in (box / "trace").read_text()
        check(box, workload, ended)


def test_bytes_then_name_then_folder_then_row_then_the_answer(folder: Path, worker: Worker) -> None:
    """What a power cut needs and a kill cannot show: each step is synced before the next."""
    box = folder / "box"
    open_spool(box).close()
    calls = "fsync,fdatasync,rename,renameat,write,pwrite64"
    worker.run(box, "out", ["-y", "-e", f"trace={calls}"])
    steps = [
        ("bytes", r"write\(.*\.tmp>"),
        ("bytes are synced", r"fsync\(.*\.tmp>\) += 0"),
        ("name", r"rename(at)?\(.*/objects/"),
        ("folder is synced", r"fsync\(.*/objects/..>\) += 0"),
        ("row", r"pwrite64\(.*-wal>"),
        ("row is synced", r"fdatasync\(.*-wal>\) += 0"),
        ("answer", r"write\(1<.*accepted"),
    ]
    seen = [step for line in (box / "trace").read_text().splitlines()
            for step, pattern in steps if re.match(pattern, line)]  # fmt: skip
    last = len(seen) - seen[::-1].index("bytes") - 1
    accepted = seen[last : seen.index("answer", last) + 1]
    once = [step for step, before in zip(accepted, ["", *accepted], strict=False) if step != before]
    assert once == [step for step, _ in steps]


def at_every_call(
    folder: Path, worker: Worker, template: Path, workload: str, call: str, what: str
) -> Iterator[tuple[Path, Run]]:
    total = count_calls(worker, template, folder / "counted", workload, call)

    for number in range(1, total + 1):
        box = folder / str(number)
        shutil.copytree(template, box)
        tampering = ["-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}"]
        yield box, worker.run(box, workload, tampering)


def check(folder: Path, workload: str, ended: Run) -> None:
    """Open the spool as after a reboot, and compare it with what was acknowledged."""
    spool = open_spool(folder)
    spool.sweep()
    assert_clean(spool)
    {"out": check_out, "in": check_in, "settle": check_settle}[workload](spool, ended)
    accept(spool, b"life goes on", outgoing("afterwards"))
    assert_clean(spool)
    spool.close()
    shutil.rmtree(folder)


def check_out(spool: Spool, ended: Run) -> None:
    contents = {name_of(content): content for content in (b"sealed 0", b"sealed 1")}
    there = [name for name in contents if spool.get(name) is not None]
    accepted = ended.names("accepted")
    assert set(accepted) <= set(there)
    assert len(there) <= len(accepted) + 1  # the one whose answer was on its way
    assert entries_of(spool) == sorted(("received", name) for name in there)
    for name in accepted:
        with spool.open(name) as file:
            assert file.read() == contents[name]


def check_in(spool: Spool, ended: Run) -> None:
    group = [name_of(b"first"), name_of(b"second")]
    there = [name for name in [*group, name_of(b"third")] if spool.has(name)]
    assert set(ended.names("arrived")) <= set(there)
    assert len([name for name in group if name in there]) in (0, 2)
    assert entries_of(spool) == sorted(("stored", name) for name in there)
    due = spool.due_deliveries(2e9, 9)
    assert sorted(each.object.name for each in due) == sorted(there)


def check_settle(spool: Spool, ended: Run) -> None:
    names = [name_of(b"sealed 0"), name_of(b"sealed 1")]
    states = {found.state for name in names if (found := spool.get(name))}
    assert states in ({ObjectState.QUEUED}, {ObjectState.RETIRED})
    settled = names if states == {ObjectState.RETIRED} else []
    assert set(ended.names("settled")) <= set(settled)
    written = [("received", name) for name in names] + [("settled", name) for name in settled]
    assert entries_of(spool) == sorted(written)


def entries_of(spool: Spool) -> list[tuple[str, str]]:
    return sorted(
        (each.draft.kind, str(each.draft.body["object"])) for each in spool.pending_entries(99)
    )
