"""kill -9, EIO and ENOSPC at every single system call that matters.

A small workload runs as a process under strace(1), which kills it, or fails the call, at the n-th
fsync, rename or write. Afterwards the spool is opened as after a reboot. What was acknowledged must
be there, whole; of what was not, nothing half; and the spool must verify.

Source: strace(1), "Tampering".
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
AT_ONCE = 3

# Each call is counted for itself. Python renames with rename(2) or renameat(2), by machine.
CALLS = ["fsync", "fdatasync", "rename", "renameat", "write", "pwrite64"]
ERRORS = {"write": "ENOSPC", "pwrite64": "ENOSPC"}
KILL = "signal=SIGKILL"
# The index's pages are written by the same statements as on the way out: looked at there.
LEFT_OUT = {("in", "pwrite64")}

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


def run(folder: Path, workload: str, tracing: Sequence[str]) -> Run:
    child = spawn(
        [
            *("strace", "-qq", "-o", str(folder / "trace"), *tracing),
            *(sys.executable, str(WORKLOAD), str(folder), workload),
        ],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=PIPE,
    )
    assert child.stdout is not None
    with child.stdout as stdout:
        lines = stdout.read().decode().splitlines()
    exit_code = child.wait(TIMEOUT_S)
    said = [line.split(" ", 1) for line in lines]
    return Run(exit_code, [(word, name) for word, name in said])


def count_calls(template: Path, folder: Path, workload: str, call: str) -> int:
    shutil.copytree(template, folder)
    ended = run(folder, workload, ["-e", f"trace={call}"])
    assert ended.exit_code == 0
    return (folder / "trace").read_text().count(f"{call}(")


@pytest.fixture(params=["out", "in", "settle"])
def workload(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(tmp_path: Path, workload: str) -> Path:
    """A spool as the workload finds it."""
    folder = tmp_path / "template"
    spool = open_spool(folder)
    if workload == "settle":
        for number in range(2):
            content = b"sealed %d" % number
            accept(spool, content, outgoing(content.decode()))
    spool.close()
    return folder


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_any_call_it_keeps_what_it_acknowledged(
    tmp_path: Path, template: Path, workload: str, call: str
) -> None:
    for folder, ended in at_every_call(tmp_path, template, workload, call, KILL):
        assert ended.exit_code != 0
        check(folder, workload, ended)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("workload", ["out", "in"], indirect=True)
def test_a_medium_that_refuses_once_is_answered_with_a_failure_and_no_more(
    tmp_path: Path, template: Path, workload: str, call: str
) -> None:
    error = f"error={ERRORS.get(call, 'EIO')}"
    for folder, ended in at_every_call(tmp_path, template, workload, call, error):
        assert "(INJECTED)" in (folder / "trace").read_text()
        check(folder, workload, ended)


def at_every_call(
    tmp_path: Path, template: Path, workload: str, call: str, what: str
) -> list[tuple[Path, Run]]:
    if (workload, call) in LEFT_OUT:
        return []
    total = count_calls(template, tmp_path / "counted", workload, call)

    def one(number: int) -> tuple[Path, Run]:
        folder = tmp_path / str(number)
        shutil.copytree(template, folder)
        tampering = ["-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}"]
        return folder, run(folder, workload, tampering)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(1, total + 1)))


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
