"""The receive unit of a box in one process: real acceptor, real spool, on a loopback port.

What stands around it is a twin: the keeper is a function, the relay's bell a counter.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from bocage_contract.card import seal_card
from bocage_contract.configuration import Desired
from bocage_contract.pins import Pin, Pins
from bocage_edge.configuration import InForce
from bocage_edge.receive.reception import SiteReception
from bocage_edge.receive.server import SiteServer
from bocage_edge.receive.store import OpenWriter
from bocage_edge.receive.upper_layer import Limits
from bocage_edge.seal.keys import new_key
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import PendingEntry, StoredObject
from bocage_system.clock import SystemClock
from tests.contract.keys import AGE_RECIPIENT, card_of, desired_document, identity, public, text
from tests.fakes.plain_writer import PlainWriter

BOX, PARTNER, STRANGER = identity(1), identity(2), identity(3)
LINK, DEVICE = "flers-caen", "caen-1"
LINK_KEY = bytes(range(32))
OWN_KEY = new_key()
WAIT_S = 10.0


def in_force(
    *, pinned: bool = True, revision: int = 3, opening: str = AGE_RECIPIENT, **receive: Any
) -> InForce:
    """Make a configuration: callers CR1 and CT1 on loopback, five services into one link.

    Args:
        pinned: the partner has been confirmed.
        opening: the partner's opening key, `age1…`; also stands for its recovery key.
        receive: replaces parts of `receive`.
    """
    document = desired_document(BOX)
    document["revision"] = revision
    document["site"]["language"] = "en"
    document["receive"] |= {
        "address": "127.0.0.1",
        "callers": [
            {"aet": "CR1", "addresses": ["127.0.0.0/8"]},
            {"aet": "CT1", "addresses": ["127.0.0.1/32"]},
            {"aet": "AWAY", "addresses": ["192.168.7.0/24"]},
        ],
    } | receive
    link = document["links"][0]
    card = card_of(PARTNER, DEVICE).model_copy(update={"opening": opening, "recovery": opening})
    link["partner_card"] = json.loads(seal_card(card, PARTNER.sign))
    link["services"] = [
        {"aet": "FLERS", "class": "routine"},
        {"aet": "FLERS_URG", "class": "urgent"},
        {"aet": "FLERS_OLD", "class": "prior"},
        {"aet": "CT_ONLY", "class": "routine", "callers": ["CT1"]},
        {"aet": "FLERS_RPT", "class": "report"},
    ]
    pin = Pin(
        link=LINK, device=DEVICE, identity=text(public(PARTNER)), card_serial=1, confirmed_at=1
    )
    own = card_of(BOX).model_copy(update={"opening": OWN_KEY.recipient})
    return InForce(Desired.of(document), own, Pins(revision=1, pins=[pin] if pinned else []))


def other_identity(now: InForce) -> InForce:
    """The same configuration with the partner's card replaced by a stranger's."""
    document = now.desired.to_json()
    sealed = seal_card(card_of(STRANGER, DEVICE), STRANGER.sign)
    document["links"][0]["partner_card"] = json.loads(sealed)
    return replace(now, desired=Desired.of(document))


class _AdvancedClock(SystemClock):
    """The machine's clock, and what a test has added to it."""

    def __init__(self) -> None:
        self._added_s = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._added_s += seconds

    def now(self) -> float:
        """Unix seconds."""
        return super().now() + self._added_s

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return super().monotonic() + self._added_s


class Site:
    """A box's receive unit, listening."""

    def __init__(
        self,
        folder: Path,
        configured: InForce | None = None,
        *,
        open_writer: OpenWriter = PlainWriter,
        link_key: Callable[[str], bytes] | None = None,
        limits: Limits | None = None,
        spool: Spool | None = None,
    ) -> None:
        """Make it and listen."""
        self.rings = threading.Semaphore(0)
        self.clock = _AdvancedClock()
        self.spool = spool or Spool(
            folder / "spool", SystemClock(), unit="receive", reserve_bytes=0
        )
        self.incoming = folder / "spool" / "incoming"
        self.reception = SiteReception(
            configured or in_force(),
            spool=self.spool,
            link_key=link_key or (lambda _link: LINK_KEY),
            open_writer=open_writer,
            ring_relay=self.rings.release,
            ring_deliver=lambda: None,
            clock=self.clock,
        )
        self.server = SiteServer(("127.0.0.1", 0), self.reception, limits)
        self.server.serve()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.port

    def objects(self) -> list[StoredObject]:
        """What is queued for the partner."""
        return self.spool.due_outgoing(LINK, 1e12, 10_000)

    def entries(self, kind: str) -> list[PendingEntry]:
        """Ledger entries of one kind that wait for the keeper."""
        return [each for each in self.spool.pending_entries(10_000) if each.draft.kind == kind]

    def counts(self) -> dict[str, int]:
        """What the status says has happened."""
        counts: dict[str, int] = self.reception.status()["counts"]
        return counts

    def wait_until_empty(self) -> None:
        """Wait until every association is over, by waiting for its threads."""
        for thread in threading.enumerate():
            if thread.name.startswith("AcceptorThread"):
                thread.join(WAIT_S)
                assert not thread.is_alive()

    def leftovers(self) -> Sequence[str]:
        """Files under incoming/."""
        return sorted(path.name for path in self.incoming.iterdir())

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop, and see that nothing is left over and every row has its file."""
        self.server.close()
        self.wait_until_empty()
        leftovers = self.leftovers()
        report = self.spool.verify()
        self.spool.close()
        if _error is None:
            assert not leftovers
            assert report.is_clean, report


def quiet_logs() -> None:
    """Drop log lines of the code under test."""
    structlog.configure(processors=[_drop])


def _drop(_logger: Any, _name: str, _event: Any) -> Any:
    raise structlog.DropEvent
