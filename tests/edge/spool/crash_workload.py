"""A small piece of a box's work, done by a process that the crash tests kill or starve.

The program itself only forks: for each line "FOLDER WORKLOAD" it gets, a child that stops until
somebody has attached a tracer to it and continues it. It says "stopped PID", then "ended STATUS".
So a run costs no start of an interpreter. The child says in FOLDER/said, one line each and
unbuffered, what it has acknowledged:

    accepted NAME | arrived NAME | settled NAME | failed WORD
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

from bocage_contract.ledger import draft
from bocage_edge.errors import SpoolError
from bocage_edge.spool.store import Arrival, Spool
from bocage_edge.spool.types import Settlement, Verdict
from tests.edge.spool.making import LINK, accept, arrived, name_of, open_spool, outgoing
from tests.fakes.clock import FakeClock

OBJECTS = 2


def say(word: str, name: str) -> None:
    """Acknowledge, as an answer on the wire would."""
    os.write(1, f"{word} {name}\n".encode())


def go_out(spool: Spool) -> None:
    """What receive does."""
    for number in range(OBJECTS):
        attempt("out", partial(take_one, spool, b"sealed %d" % number))


def take_one(spool: Spool, content: bytes) -> None:
    """Accept one object and acknowledge it."""
    say("accepted", accept(spool, content, outgoing(content.decode())))


def come_in(spool: Spool) -> None:
    """What relay does with what the partner sends: a group, then one alone."""
    attempt("group", partial(take, spool, [b"first", b"second"]))
    attempt("alone", partial(take, spool, [b"third"]))


def take(spool: Spool, contents: list[bytes]) -> None:
    """Take a group of objects and acknowledge each."""
    arrivals = []
    for content in contents:
        part = spool.part(name_of(content))
        part.write(content[:3])
        part.sync()
        part.write(content[3:])
        entry = draft("stored", 1.0, object=name_of(content))
        arrivals.append(Arrival(part, arrived(content), ["station"], [entry]))
    for name in spool.accept_arrived_many(arrivals):
        say("arrived", name)


def settle(spool: Spool) -> None:
    """What relay does with the partner's verdicts over what was accepted before."""
    names = [each.name for each in spool.due_outgoing(LINK, FakeClock().now(), 9)]
    entries = [draft("settled", 1.0, object=name) for name in names]
    verdicts = [Settlement(name, Verdict.DELIVERED) for name in names]
    for name in spool.settle(verdicts, entries):
        say("settled", name)


def attempt(word: str, work: Callable[[], None]) -> None:
    """Do a piece of work; a medium that refuses is answered with a failure, and life goes on."""
    try:
        work()
    except (OSError, SpoolError):
        say("failed", word)


WORKLOADS = {"out": go_out, "in": come_in, "settle": settle}
# prctl(2): any process of this user may trace the caller, where the kernel asks (Yama).
PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)


def work(folder: Path, workload: str) -> NoReturn:
    """Be the child: wait for the tracer, do the work, end as a kill would."""
    os.dup2(os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    WORKLOADS[workload](open_spool(folder))
    os._exit(0)  # nothing is closed, nothing is tidied up


def main() -> None:
    """Fork a child for each line."""
    for line in sys.stdin:
        folder, workload = line.split()
        child = os.fork()
        if child == 0:
            work(Path(folder), workload)
        os.waitpid(child, os.WUNTRACED)
        print("stopped", child, flush=True)
        _, status = os.waitpid(child, 0)
        print("ended", os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
