"""A seeded enemy of both boxes: it kills one process after the other, at moments of its own.

Mostly it lets the work go on a little before the next blow, so that the next one has something to
hit; sometimes it does not.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bocage_provisioning.lab.boxes import UNITS, LabBox
from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.namespaces import pids
from bocage_system.command import LocalHost

TUNNEL = "wireguard-go"
CODEC = "bocage_edge.seal.worker"
MOST_HATED = "deliver"  # whose kills may make doubles: struck twice a round
SHORTEST_S, LONGEST_S = 0.02, 0.5
MERCY = 0.75  # share of the blows after which it waits until work goes on
MERCY_UP_TO_S = 20.0
LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Kill:
    """One blow."""

    at: float  # Unix seconds
    box: str
    victim: str


class Nemesis:
    """Kills everything on both boxes, each `rounds` times, in an order drawn from a seed."""

    def __init__(
        self,
        boxes: Sequence[LabBox],
        seed: int,
        rounds: int,
        *,
        progress: Callable[[], int],
        is_over: Callable[[], bool],
    ) -> None:
        """Choose the order.

        Args:
            progress: a count that grows while work goes on.
            is_over: whether there is no more work to disturb.
        """
        self.kills: list[Kill] = []
        self._progress, self._is_over = progress, is_over
        self._dice = random.Random(seed)  # noqa: S311 - a test's dice
        self._boxes = {box.name: box for box in boxes}
        self._targets = [
            (box.name, victim)
            for _ in range(rounds)
            for box in boxes
            for victim in (*UNITS, TUNNEL, CODEC, MOST_HATED)
        ]
        self._dice.shuffle(self._targets)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nemesis")

    def __enter__(self) -> Nemesis:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop, whatever is left to be killed."""
        self._over.set()
        self._thread.join()

    def wait_done(self) -> None:
        """Wait until every target has been struck, or the work is over."""
        self._thread.join()

    def counts(self, box: LabBox) -> Counter[str]:
        """How often each victim of a box was killed."""
        return Counter(kill.victim for kill in self.kills if kill.box == box.name)

    def _run(self) -> None:
        targets = deque(self._targets)
        while targets and not self._is_over():
            if self._over.wait(self._dice.uniform(SHORTEST_S, LONGEST_S)):
                return
            is_merciful = self._dice.random() < MERCY
            name, victim = targets.popleft()
            at = time.time()
            if self.strike(self._boxes[name], victim):
                self.kills.append(Kill(at, name, victim))
                if is_merciful:
                    self._wait_for_progress()
            elif victim != CODEC:  # of which there may be none for a long time
                targets.append((name, victim))

    def _wait_for_progress(self) -> None:
        before, until = self._progress(), time.monotonic() + MERCY_UP_TO_S
        while self._progress() == before and time.monotonic() < until and not self._is_over():
            if self._over.wait(LOOK_AGAIN_S):
                return

    def strike(self, box: LabBox, victim: str) -> bool:
        """Kill; False where there was nobody: between two lives, or nothing to code just now."""
        if victim in UNITS:
            with contextlib.suppress(LabError):
                box.kill(victim)
                return True
            return False
        found = list(processes(box, victim))
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(found)


def processes(box: LabBox, word: str) -> Iterator[int]:
    """Find the processes of a box that have a word in their command line."""
    for pid in pids(LocalHost(), [box.namespace]):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if word.encode() in words:
                yield pid
