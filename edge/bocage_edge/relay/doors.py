"""What a session reaches outside its connection: spool, keeper, clock, all through worker threads.

The event loop never waits for a disk or for the keeper: `work` runs the call in a small pool. A
session that ends while a call is under way does not take it back: what was begun is finished.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

from bocage_contract.ledger import Head
from bocage_edge.spool.store import Spool
from bocage_system.clock import Clock

# Chosen: enough that a slow fsync does not hold up reading; more would fight over the disk.
WORKERS = 6

P = ParamSpec("P")
T = TypeVar("T")


class KeeperDoor(Protocol):
    """What relay asks of the keeper (`bocage_edge.keeper.client.Keeper` is one)."""

    def sign(self, purpose: str, digest: bytes) -> bytes:
        """Sign a digest for a purpose: `proof.HELLO_TYPE`."""

    def commit(
        self, link: str, epoch: int, number: int, verdicts: Sequence[tuple[str, str]]
    ) -> bytes:
        """Sign that objects of a link are stored (`proof.COMMIT_TYPE`)."""

    def entries(self, chain: str, after: int, limit: int) -> tuple[list[bytes], Head]:
        """Give a page of an own chain, and the signed head it leads to."""

    def head_number(self, chain: str) -> int:
        """Give the number of the last entry of an own chain."""

    def partner_head_number(self, link: str) -> int:
        """Give the number of the last entry of the partner's chain that is kept."""

    def accept_partner(self, link: str, entries: Sequence[bytes], head: Head) -> int:
        """Verify entries that follow what is kept, and keep them; give the last number."""

    def set_aside_partner(self, link: str) -> int:
        """Keep the partner's chain as evidence only; give the number of its last entry."""

    def partner_entries(self, link: str, after: int, limit: int) -> list[bytes]:
        """Give kept entries of the partner's chain."""


class Doors:
    """The outside of every session of one relay process."""

    def __init__(
        self,
        spool: Spool,
        keeper: KeeperDoor,
        clock: Clock,
        *,
        on_outbox: Callable[[], None],
        on_arrival: Callable[[], None],
    ) -> None:
        """Open the pool of workers.

        Args:
            on_outbox: called in the loop when ledger entries wait for the keeper.
            on_arrival: called in the loop when an object has arrived for deliver.
        """
        self.spool = spool
        self.keeper = keeper
        self.clock = clock
        self.flush = on_outbox
        self.arrived = on_arrival
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="relay-disk")

    async def work(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call that may block in a worker thread."""
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._pool, lambda: call(*args, **kwargs))
        return await asyncio.shield(running)

    def close(self) -> None:
        """Let the workers finish and end them."""
        self._pool.shutdown()
