"""One attempt to deliver one object to one station: opened, sent, verified, told.

Runs in a lane's thread, which it may block for as long as a station takes. It changes nothing in
the spool: what it found out is a value, and the forwarder commits it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from bocage_contract.destination import DicomDestination
from bocage_edge.deliver.channel import LinkLostError
from bocage_edge.deliver.coercion import Coercion, IdentitiesHeldError, NotCoercibleError
from bocage_edge.deliver.contexts import choose, propose
from bocage_edge.deliver.elements import DatasetFaultError
from bocage_edge.deliver.frame import FrameCodec
from bocage_edge.deliver.identifying import Plan, Whose
from bocage_edge.deliver.naming import Listener
from bocage_edge.deliver.outcome import (
    Deferred,
    Outcome,
    Refused,
    Scope,
    outcome_of,
    outcome_of_no_context,
)
from bocage_edge.deliver.rewriting import Identified
from bocage_edge.deliver.scu import (
    Context,
    StoreAssociation,
    Timeouts,
    connect,
)
from bocage_edge.deliver.transcode import NotTranscodableError, can_transcode, transcode
from bocage_edge.errors import SpoolError
from bocage_edge.exam.identities import Identities

MAX_REMEMBERED = 64
_NOT_IDENTIFIED = "cannot be given the identifiers it must bear here"
_UID = re.compile(r"[\x21-\x7e]{1,64}")
_TRANSFER_SYNTAX = re.compile(r"[0-9.]{1,64}")


class CorruptObjectError(Exception):
    """What is inside the seal is not what its digest says."""


class NoKeyError(Exception):
    """The object is sealed to a key this box does not hold."""


class UnreadableError(Exception):
    """The codec could not read a frame of it, this time."""


OPENING_FAULTS = (NoKeyError, UnreadableError, CorruptObjectError, SpoolError)


class Opened(Protocol):
    """An object whose seal is open: the header is known, the data set comes as it is read."""

    @property
    def is_instance(self) -> bool:
        """Whether it is a SOP instance, rather than a document of another kind."""

    @property
    def sop_class(self) -> str:
        """SOP class UID of the C-STORE it came by."""

    @property
    def sop_instance(self) -> str:
        """SOP instance UID."""

    @property
    def transfer_syntax(self) -> str:
        """Transfer syntax UID of its bytes."""

    def dataset(self) -> Iterator[bytes]:
        """Give the exact bytes; ends only where they are those of the digest the index holds.

        Raises:
            CorruptObjectError: they are not, or the sealed bytes are damaged.
            UnreadableError: the codec did not manage.
        """


# Opens an object by its name and the digest it must have. Raises NoKeyError, CorruptObjectError,
# SpoolError.
Opener = Callable[[str, str], AbstractContextManager[Opened]]


NO_KEY = "sealed to an opening key this box does not hold"


@dataclass(frozen=True, slots=True)
class Order:
    """What a lane is to do: deliver an object, or ask whether the station is there."""

    delivery: int | None  # None: a C-ECHO
    object: str = ""
    digest: str = ""
    listens: bool = False  # its exam has no names yet; see `naming`
    plan: Plan | None = None  # decides which identifiers it bears here; None: those it has
    own: Whose | None = None  # the same of a message
    has_final: bool = False  # a report of its exam that is more than preliminary is there
    is_message: bool = False  # it is of HL7
    given: Opened | None = None  # sent in place of the object, of which it was made


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an order.

    Args:
        is_opened: the seal was opened.
        is_corrupt: the bytes are not those of the digest.
        is_without_key: none of the keys at hand opens it.
        is_told: the station was asked and said what it thinks, so it is there.
        is_untold: the association stood, but the station did not tell the end of the instance.
        came_as, sent_as: transfer syntax UIDs; empty where nothing was sent.
        sent_bytes: of the data set as sent.
        sop_class, sop_instance: their UIDs; empty where nothing was sent.
        identities: of its exam, where the order was to listen and the station was told all of it:
            as it came, and as it was delivered.
        coerced: keywords of the elements that were changed on purpose.
        is_unproven: nobody could look whether its identifiers are the hospital's own.
        acknowledged: MSA-1 of the answer that took a message.
        report_state: what a message says it is to the reports before it; empty: it is no report.
    """

    outcome: Outcome
    is_opened: bool = False
    is_corrupt: bool = False
    is_without_key: bool = False
    is_told: bool = False
    is_untold: bool = False
    came_as: str = ""
    sent_as: str = ""
    sent_bytes: int = 0
    sop_class: str = ""
    sop_instance: str = ""
    identities: tuple[Identities, ...] = ()
    coerced: tuple[str, ...] = ()
    is_unproven: bool = False
    acknowledged: str = ""
    report_state: str = ""


def not_opened(fault: Exception) -> Attempt:
    """Say what it means that an object cannot be opened, or not to its end.

    Args:
        fault: one of `OPENING_FAULTS`.
    """
    if isinstance(fault, NoKeyError):
        return Attempt(Deferred(NO_KEY, Scope.INSTANCE), is_without_key=True)
    if isinstance(fault, UnreadableError):
        return Attempt(Deferred("the codec could not read a frame of it", Scope.INSTANCE))
    if isinstance(fault, CorruptObjectError):
        reason = "its bytes are not those of its digest"
    else:
        reason = "the spool has no file of it"
    return Attempt(Refused(reason, Scope.INSTANCE), is_corrupt=True)


class Remembered:
    """The contexts that instances for one station needed lately; shared by its lanes."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._lock = threading.Lock()
        self._contexts: list[Context] = []

    def add(self, context: Context) -> None:
        """Put a context in front."""
        with self._lock:
            others = [it for it in self._contexts if it != context]
            self._contexts = [context, *others][:MAX_REMEMBERED]

    def all(self) -> Sequence[Context]:
        """Give them, latest first."""
        with self._lock:
            return tuple(self._contexts)


class Sender:
    """Sends to one station over one association at a time, kept open from order to order."""

    def __init__(
        self,
        destination: DicomDestination,
        opener: Opener,
        codec: FrameCodec,
        remembered: Remembered,
        timeouts: Timeouts,
    ) -> None:
        """Make a sender; nothing is dialled yet."""
        self._destination = destination
        self._opener = opener
        self._codec = codec
        self._remembered = remembered
        self._timeouts = timeouts
        self._association: StoreAssociation | None = None

    def deliver(self, order: Order) -> Attempt:
        """Make one attempt.

        An association that was left open may have been closed by the station meanwhile. Where that
        shows before an instance is complete, the attempt starts again on a new one.
        """
        was_open = self._association is not None
        try:
            return self._attempt(order)
        except LinkLostError:
            if not was_open:
                return _untold("station ended the association in the middle", is_opened=True)
        try:
            return self._attempt(order)
        except LinkLostError:
            return _untold("station ended the association in the middle", is_opened=True)

    def release(self) -> None:
        """End the association in good order."""
        if self._association is not None:
            self._association.release()
            self._association = None

    def abort(self) -> None:
        """End the association at once."""
        if self._association is not None:
            self._association.abort()
            self._association = None

    def _attempt(self, order: Order) -> Attempt:
        try:
            if order.given is not None:
                return self._send(order.given, order)
            with self._opener(order.object, order.digest) as opened:
                return self._send(opened, order)
        except OPENING_FAULTS as fault:
            if isinstance(fault, UnreadableError | CorruptObjectError):
                self.abort()
            return not_opened(fault)
        except IdentitiesHeldError as fault:
            return Attempt(Deferred(str(fault), Scope.INSTANCE), is_opened=True)
        except (NotTranscodableError, NotCoercibleError) as fault:
            self.abort()
            return Attempt(Refused(str(fault), Scope.INSTANCE), is_opened=True)

    def _send(self, opened: Opened, order: Order) -> Attempt:
        if not opened.is_instance:
            reason = "a DICOM station takes instances only"
            return Attempt(Refused(reason, Scope.INSTANCE), is_opened=True)
        uids = (opened.sop_class, opened.sop_instance)
        syntax_fits = _TRANSFER_SYNTAX.fullmatch(opened.transfer_syntax)
        if not (syntax_fits and all(map(_UID.fullmatch, uids))):
            reason = "its SOP class, instance or transfer syntax UID is none"
            return Attempt(Refused(reason, Scope.INSTANCE), is_opened=True)
        came_as = opened.transfer_syntax
        context = self._context_for(Context(opened.sop_class, came_as))
        if not isinstance(context, Context):
            is_told = context.scope is Scope.INSTANCE
            return Attempt(context, is_opened=True, is_told=is_told, came_as=came_as)
        sent_as = context.transfer_syntax
        content = _Content(order, opened)
        dataset = content.dataset
        counted = _Counted(
            dataset if sent_as == came_as else transcode(dataset, came_as, sent_as, self._codec)
        )
        status = self._open().store(context, opened.sop_instance, counted)
        if status is None:
            self._association = None
            return _untold("station did not answer", is_opened=True)
        return Attempt(
            outcome_of(status),
            is_opened=True,
            is_told=True,
            came_as=came_as,
            sent_as=sent_as,
            sent_bytes=counted.size,
            sop_class=opened.sop_class,
            sop_instance=opened.sop_instance,
            identities=content.identities(),
            coerced=content.coercion.keywords,
            is_unproven=content.coercion.is_unproven,
        )

    def _context_for(self, wanted: Context) -> Context | Deferred | Refused:
        """Find the context to send in, on the association at hand or on a new one."""
        self._remembered.add(wanted)
        association = self._association
        if association is None or not association.is_open or wanted not in association.results:
            self.release()
            connected = connect(
                self._destination, propose(wanted, self._remembered.all()), self._timeouts
            )
            if not isinstance(connected, StoreAssociation):
                return connected
            association = self._association = connected
        accepts = association.accepts
        usable = choose(wanted, lambda it: accepts(it) and _is_way(wanted, it))
        if usable is not None:
            return usable
        return outcome_of_no_context(tuple(association.proposed_for(wanted.sop_class).values()))

    def _open(self) -> StoreAssociation:
        if self._association is None:
            raise LinkLostError
        return self._association


class _Content:
    """A data set with the identifiers it is to bear, and what is heard of it on the way."""

    def __init__(self, order: Order, opened: Opened) -> None:
        """Decide on its identifiers; that reads as much of it as stands before its study.

        Raises:
            NotCoercibleError, IdentitiesHeldError: it cannot be given what it must bear.
            CorruptObjectError, UnreadableError: as `Opened.dataset`.
        """
        self._listeners: list[Listener] = []
        self._order = order
        self._syntax = opened.transfer_syntax
        self.coercion = Coercion()
        self.dataset = self._heard(opened.dataset())
        if order.plan is None:
            return
        try:
            found = Identified(self.dataset, self._syntax)
        except DatasetFaultError as fault:
            raise NotCoercibleError(f"{_NOT_IDENTIFIED}: {fault}") from None
        self.coercion = order.plan(found)
        stamp = self.coercion.stamp
        if stamp is None or not self.coercion.changes:
            self.dataset = found.unchanged()
        else:
            changed = found.rewritten(self.coercion.changes, stamp)
            self.dataset = self._heard(_followed(changed))

    def identities(self) -> tuple[Identities, ...]:
        """Give what was heard; nothing where nobody was to listen."""
        return tuple(each.identities() for each in self._listeners)

    def _heard(self, dataset: Iterator[bytes]) -> Iterator[bytes]:
        if not self._order.listens:
            return dataset
        listener = Listener(self._syntax)
        self._listeners.append(listener)
        return listener.through(dataset)


def _followed(dataset: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from dataset
    except DatasetFaultError as fault:
        raise NotCoercibleError(f"{_NOT_IDENTIFIED}: {fault}") from None


class _Counted:
    """An iterator that knows how many bytes went through it."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.size += len(block)
            yield block
            del block  # not two large ones at a time


def _is_way(wanted: Context, found: Context) -> bool:
    return wanted == found or can_transcode(wanted.transfer_syntax, found.transfer_syntax)


def _untold(reason: str, *, is_opened: bool) -> Attempt:
    return Attempt(Deferred(reason, Scope.INSTANCE), is_opened=is_opened, is_untold=True)
