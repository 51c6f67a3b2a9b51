"""What worker threads do for the receiving side: parts, hashes, syncs, the group accept.

Each function runs in a worker and touches only the values it is given; the session keeps the books.
A fault of the medium is a value here (`fault`): the object is put off, its neighbours go on.
"""

import errno
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import draft
from bocage_edge.errors import SpoolCorruptError, SpoolError, SpoolFullError
from bocage_edge.relay.doors import Doors
from bocage_edge.relay.frames import Offer
from bocage_edge.relay.receiving import Cancelled, Chunk, Complete, Offered
from bocage_edge.relay.terms import Terms
from bocage_edge.spool.parts import PartFile
from bocage_edge.spool.store import Arrival
from bocage_edge.spool.types import ArrivedObject, Direction, ObjectKind, ObjectState
from bocage_system import logs

# Chosen. With the socket's window (2 MiB) and the session's limit these keep below the 4 MiB that
# may travel twice after a power cut.
SYNC_EVERY_BYTES = 1024 * 1024
# A thousand offers are not a thousand open files.
OPEN_PARTS_LIMIT = 128
RETRY_FULL_S = 20
RETRY_BUSY_S = 2
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_log = logs.get("relay")


@dataclass(slots=True)
class Incoming:
    """One object on its way in.

    Args:
        part: None for an object that was here before, or not opened yet.
        undurable_bytes: came in, and a power cut would lose them.
        fault: why it cannot be taken now; a word of the REFUSE frame.
        is_here: a pushed object that we have; `is_lie`: one that cannot be the partner's. What
            comes of either is passed over.
    """

    offer: Offer
    part: PartFile | None = None
    reserved_bytes: int = 0
    undurable_bytes: int = 0
    fault: str = ""
    is_complete: bool = False
    is_here: bool = False
    is_lie: bool = False
    retry_after_s: int = 0

    @property
    def is_passed_over(self) -> bool:
        """Whether bytes that come of it are not kept."""
        return bool(self.fault) or self.is_here or self.is_lie


@dataclass(frozen=True, slots=True)
class Decision:
    """What to answer to an offer: a lie, HAVE, a refusal, or welcome from `offset` on.

    Args:
        part: None where it is opened with the first bytes only.
    """

    offer: Offer
    part: PartFile | None = None
    offset: int = 0
    is_welcome: bool = False
    is_here: bool = False
    is_lie: bool = False
    refusal: str = ""
    retry_after_s: int = 0


@dataclass(slots=True)
class Written:
    """What a round of writing came to.

    Args:
        pushed: objects whose push was judged in this round.
    """

    pushed: list[Incoming] = field(default_factory=list)
    complete: list[Incoming] = field(default_factory=list)
    failed: list[Incoming] = field(default_factory=list)
    left: list[Incoming] = field(default_factory=list)
    durable_bytes: int = 0


Step = tuple[Offered | Chunk | Complete | Cancelled, Incoming]


def decide(
    doors: Doors, link: str, offers: Iterable[Offer], *, reserved_bytes: int, open_parts: int
) -> list[Decision]:
    """Answer offers.

    Args:
        reserved_bytes: promised already to offers that were accepted before.
        open_parts: of this connection at this moment.
    """
    decisions = []
    for offer in offers:
        decision = _decide_one(doors, link, offer, reserved_bytes)
        reserved_bytes += offer.size_bytes if decision.is_welcome else 0
        if decision.part is not None and decision.offset == 0 and open_parts >= OPEN_PARTS_LIMIT:
            decision.part.discard()
            decision = Decision(offer, is_welcome=True)
        open_parts += decision.part is not None
        decisions.append(decision)
    return decisions


def write(doors: Doors, link: str, steps: Iterable[Step], *, reserved_bytes: int) -> Written:
    """Judge pushed offers and append chunks to their parts, in their order.

    Args:
        reserved_bytes: promised to everything under way, the pushes among the steps included.
    """
    done = Written()
    for event, incoming in steps:
        match event:
            case Offered():
                _judge_push(doors, link, incoming, reserved_bytes)
                done.pushed.append(incoming)
            case Chunk():
                _write_chunk(doors, incoming, event, done)
            case Complete() if not incoming.fault:
                done.complete.append(incoming)
            case Cancelled():
                leave(incoming)
                done.left.append(incoming)
    return done


def sync(incomings: Iterable[Incoming]) -> int:
    """Make durable what came of these; give how many bytes that were."""
    durable_bytes = 0
    for incoming in incomings:
        if incoming.part is not None and incoming.undurable_bytes and not incoming.fault:
            try:
                incoming.part.sync()
            except OSError as error:
                incoming.fault = fault_of(error)
                continue
            durable_bytes += incoming.undurable_bytes
            incoming.undurable_bytes = 0
    return durable_bytes


def leave(incoming: Incoming) -> None:
    """Close a part for another time, durable as far as it came."""
    part, incoming.part = incoming.part, None
    if part is None:
        return
    try:
        if part.offset == 0:
            part.discard()
        elif not incoming.fault and part.offset > part.durable:
            part.sync()
    except OSError as error:
        _log.error("cannot sync a part", object=incoming.offer.name, error=type(error).__name__)
    finally:
        part.close()


def throw_away(incoming: Incoming) -> None:
    """Keep nothing of an object: the partner lied."""
    part, incoming.part = incoming.part, None
    if part is not None:
        part.discard()


def check(incoming: Incoming) -> bool:
    """See whether the bytes are what their name says, and put them on the medium.

    Returns:
        False for other bytes: they are gone, and the partner lied. A fault of the medium is put
        into `fault`.
    """
    try:
        if incoming.part is not None:
            incoming.part.finish(incoming.offer.name)
    except SpoolCorruptError:
        return False
    except (OSError, SpoolError) as error:
        incoming.fault = fault_of(error)
    return True


def accept(doors: Doors, terms: Terms, group: Sequence[Incoming]) -> None:
    """Take a group of checked objects; a fault of the medium is put into each `fault`."""
    arrivals = [
        _arrival(doors, terms, each.offer, each.part) for each in group if each.part is not None
    ]
    try:
        if arrivals:
            doors.spool.accept_arrived_many(arrivals)
    except (OSError, SpoolError) as error:
        _log.error("cannot accept a group", objects=len(arrivals), error=type(error).__name__)
        for each in group:
            each.fault = fault_of(error) if each.part is not None else ""


def fault_of(error: Exception) -> str:
    """Name a fault of the medium as a REFUSE frame says it."""
    if isinstance(error, SpoolFullError):
        return "no space"
    return "no space" if getattr(error, "errno", None) in NO_SPACE else "disk fault"


def _judge_push(doors: Doors, link: str, incoming: Incoming, reserved_bytes: int) -> None:
    decision = _decide_known(doors, link, incoming.offer, reserved_bytes)
    if decision is not None:
        incoming.is_lie, incoming.is_here = decision.is_lie, decision.is_here
        incoming.fault, incoming.retry_after_s = decision.refusal, decision.retry_after_s


def _decide_one(doors: Doors, link: str, offer: Offer, reserved_bytes: int) -> Decision:
    decision = _decide_known(doors, link, offer, offer.size_bytes + reserved_bytes)
    return _open_part(doors, offer) if decision is None else decision


def _decide_known(doors: Doors, link: str, offer: Offer, needed_bytes: int) -> Decision | None:
    """Answer an offer by what is known without touching a part; None: welcome so far."""
    known = doors.spool.get(offer.name)
    if known is not None and (known.direction is Direction.OUT or known.link != link):
        # The name is the hash of bytes sealed to somebody else: no honest partner has them.
        return Decision(offer, is_lie=True)
    if known is not None and known.state is not ObjectState.CORRUPT:
        return Decision(offer, is_here=True)
    if not doors.spool.has_room_for(needed_bytes):
        return Decision(offer, refusal="no space", retry_after_s=RETRY_FULL_S)
    return None


def _open_part(doors: Doors, offer: Offer) -> Decision:
    try:
        part = doors.spool.part(offer.name)
        if part.offset > offer.size_bytes:
            part.discard()
            part = doors.spool.part(offer.name)
    except BlockingIOError:
        return Decision(offer, refusal="busy", retry_after_s=RETRY_BUSY_S)
    except (OSError, SpoolError) as error:
        _log.error("cannot open a part", object=offer.name, error=type(error).__name__)
        return Decision(offer, refusal=fault_of(error), retry_after_s=RETRY_FULL_S)
    return Decision(offer, part=part, offset=part.offset, is_welcome=True)


def _write_chunk(doors: Doors, incoming: Incoming, event: Chunk, done: Written) -> None:
    if incoming.is_passed_over:
        done.durable_bytes += len(event.chunk)  # not kept, so nothing to watch
        return
    incoming.undurable_bytes += len(event.chunk)
    try:
        if incoming.part is None:
            incoming.part = _part_for(doors, incoming.offer)
        incoming.part.write(event.chunk)
        if incoming.undurable_bytes >= SYNC_EVERY_BYTES:
            incoming.part.sync()
            done.durable_bytes += incoming.undurable_bytes
            incoming.undurable_bytes = 0
    except (OSError, SpoolError) as error:
        _log.error("cannot write a part", object=event.offer.name, error=type(error).__name__)
        incoming.fault = fault_of(error)
        done.failed.append(incoming)


def _part_for(doors: Doors, offer: Offer) -> PartFile:
    part = doors.spool.part(offer.name)
    if offer.is_pushed and part.offset:
        # A push begins at the first byte; what an earlier connection brought is in it.
        part.discard()
        part = doors.spool.part(offer.name)
    return part


def _arrival(doors: Doors, terms: Terms, offer: Offer, part: PartFile) -> Arrival:
    klass = ExamClass(offer.klass)
    arrived = ArrivedObject(
        name=offer.name,
        link=terms.id,
        klass=klass,
        kind=ObjectKind(offer.kind),
        exam_id=offer.exam_id,
        instance_key=offer.instance_key,
        digest=offer.digest,
        size_bytes=offer.size_bytes,
        arrive_by=offer.arrive_by_ms / 1000 if offer.arrive_by_ms else None,
    )
    entry = draft(
        "stored",
        doors.clock.now(),
        object=offer.name,
        exam_id=offer.exam_id,
        instance_key=offer.instance_key,
        digest=offer.digest,
        size_bytes=offer.size_bytes,
        exam_class=offer.klass,
    )
    destinations = terms.destinations_for(klass, arrived.kind.value)
    return Arrival(part, arrived, destinations, [entry])
