"""A box's ledger and spool with a clerk and a courier between them and a collector."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bocage_contract.audit import EVENTS, AuditRepository
from bocage_contract.ledger import EntryDraft, Head, draft
from bocage_edge.audit.clerk import Clerk
from bocage_edge.audit.collector import CollectorTimeouts, send_to_collector
from bocage_edge.audit.courier import Courier
from bocage_edge.audit.message import Surroundings
from bocage_edge.errors import KeeperError
from bocage_edge.ledger.own import Addition, OwnLedger
from bocage_edge.seal.keys import new_key
from bocage_edge.spool.store import Spool
from tests.contract.keys import identity
from tests.fakes.clock import FakeClock

BOX_CHAIN, LINK_CHAIN = "flers-1/box", "flers-1/flers-caen"
CHAINS = (BOX_CHAIN, LINK_CHAIN)
LINK, EXAM = "flers-caen", "ab" * 16
CR = "1.2.840.10008.5.1.4.1.1.1"
QUIET_S = 60.0
AROUND = Surroundings("flers-1", "bocage-flers", None, "fr")
QUICK = CollectorTimeouts(connect_s=5.0, io_s=2.0)


class AuditedBox:
    """See the module."""

    def __init__(self, folder: Path, *, max_waiting: int = 1_000_000, batch: int = 500) -> None:
        """Make the box, or find it again where it was."""
        folder.mkdir(exist_ok=True)
        self.clock = FakeClock()
        self.key = new_key()
        self.keys: Sequence[str] = (self.key.secret,)
        self.spool = Spool(folder / "spool", self.clock, unit="deliver", reserve_bytes=0)
        self.own = OwnLedger(folder / "ledger.db", identity(1).sign)
        self.is_keeper_there = True
        self._clerk = Clerk(self.spool, self, max_waiting)
        self.courier = Courier(self.spool, batch)
        self._written = 0

    def head(self, chain: str) -> Head:
        """Give the head of a chain, as the keeper does."""
        self._see_keeper()
        return self.own.head(chain)

    def entries(self, chain: str, after: int, limit: int) -> tuple[list[bytes], Head]:
        """Give a page of a chain, as the keeper does."""
        self._see_keeper()
        return self.own.page(chain, after, limit)

    def _see_keeper(self) -> None:
        if not self.is_keeper_there:
            raise KeeperError("the keeper does not answer")

    def write(self, *drafts: EntryDraft, chain: str = LINK_CHAIN) -> None:
        """Write entries into the ledger."""
        self._written += 1
        self.own.append(
            [Addition("test", f"{self._written}/{n}", chain, each) for n, each in enumerate(drafts)]
        )

    def receive(self, count: int = 1, exam: str = EXAM, pad_bytes: int = 0) -> None:
        """Let instances be received; their entries are as much longer as is wanted."""
        self.write(
            *(
                draft(
                    "received",
                    self.clock.now(),
                    exam_id=exam,
                    service="FLERS",
                    sop_class=CR,
                    **{"from": "CR1"},
                    **{f"pad{n}": "x" * 100 for n in range(pad_bytes // 100)},
                )
                for _ in range(count)
            )
        )

    def alert(self, count: int = 1) -> None:
        """Let the box be unlocked so many times."""
        some = [draft("unlocked", self.clock.now(), by="paper code") for _ in range(count)]
        self.write(*some, chain=BOX_CHAIN)

    def read(self, events: Sequence[str] = EVENTS) -> None:
        """Read the ledger to its end."""
        while self._clerk.step(CHAINS, events, QUIET_S, self.clock.now()):  # type: ignore[arg-type]
            pass

    @property
    def is_full(self) -> bool:
        """Whether the queue takes no more."""
        return self._clerk.is_full

    def stop_telling(self) -> None:
        """Take the repository out of the configuration."""
        self._clerk.stop()

    def send(self, repository: AuditRepository) -> bool:
        """Send one batch."""
        send = partial(send_to_collector, repository, timeouts=QUICK)
        return self.courier.step(send, self.keys, AROUND, self.clock.now())

    def send_all(self, repository: AuditRepository) -> None:
        """Send until nothing waits, however often it fails."""
        while self.waiting:
            self.clock.advance(61.0)
            self.send(repository)

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return self.spool.audit_backlog()[0]

    def close(self) -> None:
        """Let go of ledger and spool, as a restart does."""
        self.own.close()
        self.spool.close()
