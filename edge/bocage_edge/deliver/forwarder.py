"""What the deliver unit does in one step: take in what the lanes found out, give them new orders.

Everything that changes the spool happens here, in one thread, in this order:

    due moment committed -> order given to a lane -> ... -> verdict and entries committed -> ledger

so that a crash at any point neither hammers a station nor forgets an object. A delivery is settled
at most once; a second sending can only follow a lost answer, or a lost record of it.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bocage_contract.commitment import Commitment
from bocage_contract.configuration import Desired, Link
from bocage_contract.destination import Destination
from bocage_edge.deliver.attempt import NO_KEY, Attempt, Order
from bocage_edge.deliver.changing import Changing
from bocage_edge.deliver.directing import Directing
from bocage_edge.deliver.echo import EchoResult
from bocage_edge.deliver.entries import deferral_entries, entries_of
from bocage_edge.deliver.hold import Standing, after
from bocage_edge.deliver.identifying import UNKNOWN_HERE, Identifying, LinkIdentifiers
from bocage_edge.deliver.lane import Result
from bocage_edge.deliver.naming import Naming
from bocage_edge.deliver.outcome import Delivered, Refused, Scope
from bocage_edge.deliver.schedule import cut_delay_s, hold_s, retry_delay_s, weight_of
from bocage_edge.deliver.stations import Station, said_of_all
from bocage_edge.deliver.vouching import Vouching
from bocage_edge.errors import KeeperError
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Delivery, DeliveryState, ObjectKind, StoredObject, Verdict
from bocage_system import logs

LOG = logs.get(__name__)

MAX_BUSY_LANES = 6
LOOK_AHEAD = 32  # due deliveries looked at, a destination
# What lanes may hold together: the process stays below 200 MB whatever the objects are.
BUDGET_BYTES = 72 * 1024 * 1024

ECHO_EVERY_S = 300.0
ECHO_AGAIN_S = 15.0  # of one that did not answer
HAND_OVER_EVERY_S = 0.5
HAND_OVER_AGAIN_S = 5.0
LONGEST_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What the step works by.

    Args:
        destinations: by name; the configuration's.
        locked: why nothing can be opened; None where it can.
        reading_links: ids of the links at whose reading end the box stands.
        reading: these links, by id.
        keys: how many opening keys are at hand.
        identifiers: by link; what becomes of those of what arrives over it.
        own_recipient: the box's own opening key, `age1…`.
        commitments: by calling AE title, where results of storage commitment go.
        desired: the configuration itself, for what waits for a destination.
    """

    destinations: Mapping[str, Destination]
    locked: str | None = None
    keys: int = 0
    revision: int = 0
    faults: tuple[str, ...] = ()
    reading_links: frozenset[str] = frozenset()
    reading: Mapping[str, Link] = field(default_factory=dict)
    identifiers: Mapping[str, LinkIdentifiers] = field(default_factory=dict)
    own_recipient: str = ""
    commitments: Mapping[str, Commitment] = field(default_factory=dict)
    desired: Desired | None = None


class LaneLike(Protocol):
    """A lane, as the forwarder sees it."""

    @property
    def is_ended(self) -> bool:
        """Whether it takes no more orders."""

    def give(self, order: Order) -> bool:
        """Give it an order; False where it has just ended."""

    def close(self) -> None:
        """Let it end after the order it is at."""

    def join(self, timeout_s: float) -> bool:
        """Wait for its end."""


OpenLane = Callable[[Destination, Callable[[Any, Order, Result], None]], LaneLike]


@dataclass(slots=True)
class _Seat:
    """A lane and what it is at."""

    destination: Destination
    lane: LaneLike
    order: Order | None = None
    delivery: Delivery | None = None
    weight_bytes: int = 0


class Forwarder:
    """The deliver unit between two steps."""

    def __init__(
        self,
        spool: Spool,
        open_lane: OpenLane,
        hand_over: Callable[[], object],
        *,
        draw: Callable[[], float],
        wake: Callable[[], None],
        naming: Naming,
        identifying: Identifying,
        vouching: Vouching,
        echo_every_s: float = ECHO_EVERY_S,
    ) -> None:
        """Start with no lane.

        Args:
            open_lane: makes a lane to a destination that reports to the function it is given.
            hand_over: takes what waits in the spool's outbox to the keeper.
            draw: jitter in [-1, 1].
            wake: called, in a lane's thread, when there is something to take in.
            naming: keeps what exams are called.
            identifying: says which identifiers an object is to bear.
            vouching: notes what a station is to be asked about what it was given.
        """
        self._spool = spool
        self._open_lane = open_lane
        self._hand_over = hand_over
        self._draw = draw
        self._wake = wake
        self._naming = naming
        self._changing = Changing(spool)
        self._identifying = identifying
        self._vouching = vouching
        self._directing = Directing(spool)
        self._echo_every_s = echo_every_s
        self._revision = 0
        self._reports: queue.SimpleQueue[tuple[LaneLike, Order, Result]] = queue.SimpleQueue()
        self._seats: list[_Seat] = []
        self._stations: dict[str, Station] = {}
        self._hand_over_at = 0.0
        self._is_handed_over = False
        self._keeper_fault: str | None = None
        self._keys = 0
        cut = spool.end_cut_attempts(cut_delay_s)
        if cut:
            LOG.warning("attempts had ended with this unit", attempts=cut)
        for pause in spool.pauses():
            self._station(pause.destination).is_resting = True

    def step(self, now: float, setup: Setup) -> float:
        """Do what can be done now.

        Returns:
            Seconds until it is worth looking again, if nobody rings before.
        """
        if setup.desired is not None:
            self._naming.issuers = setup.desired.site.issuers
        self._take_in(now)
        self._follow(setup)
        self._drop_seats(setup)
        if self._directing.step(now, setup.desired):
            self._is_handed_over = False
        if setup.locked is None:
            self._give_due(now, setup)
        self._ask_silent(now, setup)
        self._keep_ledger(now)
        return self._wait_s(now)

    def entries_wait(self) -> None:
        """Hand over to the keeper with the next step: somebody else has written entries."""
        self._is_handed_over = False

    @property
    def is_idle(self) -> bool:
        """Whether no lane is at anything and nothing waits to be taken in."""
        return self._reports.empty() and not any(seat.order for seat in self._seats)

    def close(self, now: Callable[[], float], within_s: float) -> None:
        """End the lanes, let them finish what they are at for a while, and keep what they found."""
        for seat in self._seats:
            seat.lane.close()
        for seat in self._seats:
            seat.lane.join(within_s / max(1, len(self._seats)))
        self._take_in(now())
        self._keep_ledger(now())

    # -- what the lanes found out

    def _report(self, lane: LaneLike, order: Order, result: Result) -> None:
        """Take a lane's result; called in its thread."""
        self._reports.put((lane, order, result))
        self._wake()

    def _take_in(self, now: float) -> None:
        while not self._reports.empty():
            lane, _, result = self._reports.get()
            seat = next(seat for seat in self._seats if seat.lane is lane)
            delivery, seat.order, seat.delivery, seat.weight_bytes = seat.delivery, None, None, 0
            if isinstance(result, EchoResult):
                self._station(seat.destination.name).echo = result
            elif delivery is not None:
                self._settle(delivery, result, now)

    def _settle(self, delivery: Delivery, attempt: Attempt, now: float) -> None:
        outcome = attempt.outcome
        if attempt.identities:
            self._naming.heard(delivery.object, attempt.identities)
        held_until = self._held_until(delivery.destination, attempt, now)
        if isinstance(outcome, Delivered):
            self._station(delivery.destination).last_success_at = now
            self._note_report(delivery.object, attempt.report_state)
            self._end(delivery, attempt, Verdict.DELIVERED, "", now)
        elif isinstance(outcome, Refused) and outcome.scope is Scope.INSTANCE:
            self._station(delivery.destination).last_refusal = outcome.reason
            self._end(delivery, attempt, Verdict.REFUSED, outcome.reason, now)
        else:
            self._defer(delivery, attempt, held_until, now)

    def _note_report(self, carried: StoredObject, state: str) -> None:
        """Keep in what state a report is that has come; the partner's ledger may say so later."""
        if state and not self._spool.report_state_of(carried.name):
            said = (carried.name, carried.exam_id, state, carried.accepted_at)
            self._spool.note_reports(carried.link, [said])

    def _held_until(self, name: str, attempt: Attempt, now: float) -> float | None:
        """Hold a destination or let it go, by what an attempt tells of it."""
        outcome, station = attempt.outcome, self._station(name)
        is_of_station = not isinstance(outcome, Delivered) and outcome.scope is not Scope.INSTANCE
        if not (attempt.is_told or attempt.is_untold or is_of_station):
            return None
        standing, is_to_hold = after(station.standing, outcome, is_untold=attempt.is_untold)
        if is_to_hold and not isinstance(outcome, Delivered):
            if now < station.rests_until:
                return station.rests_until  # its attempt began before another lane's failed
            until = now + hold_s(standing.failures, self._draw())
            self._spool.pause_destination(name, until, outcome.reason)
            station.standing, station.is_resting, station.rests_until = standing, True, until
            LOG.warning("destination held", destination=name, reason=outcome.reason)
            return until
        station.standing = standing
        if attempt.is_told and station.is_resting:
            self._let_go(name)
        return None

    def _let_go(self, name: str) -> None:
        """End the rest of a destination: everything of it is due now."""
        station = self._station(name)
        self._spool.release_destination(name)
        station.standing, station.is_resting, station.rests_until = Standing(), False, 0.0
        LOG.info("destination no longer held", destination=name)

    def _end(
        self, delivery: Delivery, attempt: Attempt, verdict: Verdict, reason: str, now: float
    ) -> None:
        if verdict is Verdict.REFUSED:
            LOG.warning("delivery refused", object=delivery.object.name, reason=reason)
        try:
            is_last = self._is_last(delivery)
            configured = self._station(delivery.destination).configured
            to_commit = self._vouching.wanted(configured, attempt, now)
            entries = entries_of(
                delivery, attempt, now, is_last=is_last, commits=to_commit is not None
            )
            self._spool.settle_delivery(
                delivery.id, verdict, entries, reason=reason, to_commit=to_commit
            )
        except OSError as error:
            # Settled; only the file of the retired object is still there, and a sweep takes it.
            LOG.warning("object file not removed", object=delivery.object.name, errno=error.errno)
        self._is_handed_over = False

    def _is_last(self, ended: Delivery) -> bool:
        """Whether the object is due nowhere else; only this thread settles, so it stays so."""
        return all(
            other.id == ended.id or other.state is not DeliveryState.DUE
            for other in self._spool.deliveries_of(ended.object.name)
        )

    def _defer(
        self,
        delivery: Delivery,
        attempt: Attempt,
        held_until: float | None,
        now: float,
    ) -> None:
        due_at = now + retry_delay_s(delivery.attempts + 1, self._draw())
        if held_until is not None and not attempt.is_untold:
            due_at = held_until  # it was not the instance's fault
        entries = deferral_entries(delivery, attempt, now)
        reason = "" if isinstance(attempt.outcome, Delivered) else attempt.outcome.reason
        self._spool.defer_delivery(delivery.id, due_at, reason, entries)
        self._is_handed_over = self._is_handed_over and not entries
        LOG.info("delivery deferred", object=delivery.object.name, reason=reason)

    # -- what the lanes are given

    def _give_due(self, now: float, setup: Setup) -> None:
        under_way = {seat.delivery.id for seat in self._seats if seat.delivery is not None}
        for delivery in self._spool.due_deliveries(now, LOOK_AHEAD):
            destination = setup.destinations.get(delivery.destination)
            if delivery.id in under_way or destination is None:
                continue
            if self._busy(destination.name) >= self._width(destination):
                continue
            weight = weight_of(delivery)
            if not self._has_room(weight):
                return  # the most urgent one goes first, even where a smaller one would fit
            if not self._changing.may_go(delivery.object, setup.reading, now):
                self._is_handed_over = False
                continue
            self._give(delivery, destination, weight, now, setup)

    def _give(
        self, delivery: Delivery, destination: Destination, weight: int, now: float, setup: Setup
    ) -> None:
        again_at = now + retry_delay_s(delivery.attempts + 1, self._draw())
        if not self._spool.begin_attempt(delivery.id, again_at):
            return
        carried = delivery.object
        listens = self._naming.wants(carried, setup.reading_links)
        plan = self._identifying.plan_for(carried, setup.identifiers)
        own = self._identifying.whose(carried, setup.identifiers)
        has_final = carried.kind is ObjectKind.REPORT and self._spool.has_final(delivery)
        is_message = carried.kind is not ObjectKind.INSTANCE
        order = Order(
            delivery.id, carried.name, carried.digest, listens, plan, own, has_final, is_message
        )
        seat = self._seat_with(order, destination)
        seat.order, seat.delivery, seat.weight_bytes = order, delivery, weight

    def _seat_with(self, order: Order, destination: Destination) -> _Seat:
        """Give an order to an idle lane of a destination, or to a new one."""
        for seat in self._seats:
            if seat.destination == destination and seat.order is None and seat.lane.give(order):
                return seat
        seat = _Seat(destination, self._open_lane(destination, self._report))
        self._seats.append(seat)
        seat.order = order
        if not seat.lane.give(order):
            raise RuntimeError("a new lane takes no order")
        return seat

    def _width(self, destination: Destination) -> int:
        is_probing = self._station(destination.name).standing.is_probing
        return 1 if is_probing else destination.lanes

    def _busy(self, name: str) -> int:
        return sum(seat.order is not None for seat in self._seats if seat.destination.name == name)

    def _has_room(self, weight: int) -> bool:
        busy = [seat for seat in self._seats if seat.order is not None]
        held = sum(seat.weight_bytes for seat in busy)
        return not held or (len(busy) < MAX_BUSY_LANES and held + weight <= BUDGET_BYTES)

    def _drop_seats(self, setup: Setup) -> None:
        """Let go of ended lanes, and of idle ones whose destination has changed."""
        for seat in self._seats:
            is_current = setup.destinations.get(seat.destination.name) == seat.destination
            if not is_current and seat.order is None:
                seat.lane.close()
        self._seats = [
            seat for seat in self._seats if seat.order is not None or not seat.lane.is_ended
        ]

    def _follow(self, setup: Setup) -> None:
        """Try at once where an address or a title was corrected, and what another key may open."""
        for name, destination in setup.destinations.items():
            station = self._station(name)
            is_changed = station.configured not in (None, destination)
            station.configured = destination
            if is_changed and station.is_resting:
                self._let_go(name)
            # A revision on trial is judged by what stations answer under it.
            station.is_to_be_asked = station.is_to_be_asked or setup.revision != self._revision
        self._revision = setup.revision
        if setup.keys > self._keys:
            self._spool.hasten_deliveries(NO_KEY)
            self._spool.hasten_deliveries(UNKNOWN_HERE)
        self._keys = setup.keys

    def _ask_silent(self, now: float, setup: Setup) -> None:
        """Send a C-ECHO where nothing was heard for a while, for the doctor."""
        for name, destination in setup.destinations.items():
            station = self._station(name)
            heard = max(station.last_success_at or 0.0, station.asked_at or 0.0)
            silent = station.echo is not None and not station.echo.is_there
            every_s = min(self._echo_every_s, ECHO_AGAIN_S) if silent else self._echo_every_s
            is_due = station.is_to_be_asked or now - heard >= every_s
            if not is_due or self._busy(name):
                continue
            station.is_to_be_asked, station.asked_at = False, now
            station.asked_revision, station.echo = setup.revision, None
            order = Order(None)
            self._seat_with(order, destination).order = order

    # -- the ledger, and what is said of it all

    def _keep_ledger(self, now: float) -> None:
        if self._is_handed_over or now < self._hand_over_at:
            return
        self._hand_over_at = now + HAND_OVER_EVERY_S
        try:
            self._hand_over()
            self._is_handed_over, self._keeper_fault = True, None
        except KeeperError as error:
            self._hand_over_at = now + HAND_OVER_AGAIN_S
            self._keeper_fault = error.message
            LOG.warning("ledger entries wait for the keeper", reason=error.message)

    def _wait_s(self, now: float) -> float:
        wait_s = LONGEST_WAIT_S
        if self.is_idle:  # else a lane rings soon; the question walks over all that waits
            due_at = self._spool.next_delivery_at()
            if due_at is not None and due_at > now:
                wait_s = min(wait_s, due_at - now)
        if not self._is_handed_over:
            wait_s = min(wait_s, max(self._hand_over_at - now, 0.0))
        return wait_s

    def status(self, now: float, setup: Setup) -> dict[str, Any]:
        """Say how it stands, for the doctor and the desk."""
        faults = [*setup.faults, *([self._keeper_fault] if self._keeper_fault else [])]
        return {
            "locked": setup.locked,
            "revision": setup.revision,
            "busy": sum(seat.order is not None for seat in self._seats),
            "destinations": said_of_all(
                self._stations,
                setup.destinations,
                self._spool.delivery_backlog(),
                self._spool.pauses(),
                now,
            ),
            "faults": faults,
        }

    def _station(self, name: str) -> Station:
        return self._stations.setdefault(name, Station())
