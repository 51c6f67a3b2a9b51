"""A small piece of a box's work, run as a process that the crash tests kill or starve.

    python crash_workload.py FOLDER out|in|settle

Says on standard output, one line each and unbuffered, what it has acknowledged:

    accepted NAME | arrived NAME | settled NAME | failed WORD
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

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


def main() -> None:
    """Run one workload in a folder."""
    spool = open_spool(Path(sys.argv[1]))
    {"out": go_out, "in": come_in, "settle": settle}[sys.argv[2]](spool)
    os._exit(0)  # as a kill would: nothing is closed, nothing is tidied up


if __name__ == "__main__":
    main()
