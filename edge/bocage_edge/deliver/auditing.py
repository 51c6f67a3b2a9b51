"""The audit messages' part of the deliver unit: a thread beside the lanes, which wait for nothing.

Deliver does it because it alone holds the opening key and may talk to the site. No fault of it ends
the unit: an exam is more than the message that tells of it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage_contract.audit import AuditRepository
from bocage_contract.configuration import Desired
from bocage_contract.destination import DicomDestination
from bocage_contract.ledger import box_chain, link_chain
from bocage_edge.audit.clerk import MAX_WAITING, Clerk, Ledger
from bocage_edge.audit.collector import CollectorTimeouts, send_to_collector
from bocage_edge.audit.courier import Courier
from bocage_edge.audit.message import Node, Surroundings
from bocage_edge.audit.subject import seal_subject
from bocage_edge.configuration import InForce
from bocage_edge.errors import EdgeError
from bocage_edge.exam.identities import Identities
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import StoredObject
from bocage_system import logs
from bocage_system.clock import Clock

LOG = logs.get(__name__)

LOOK_EVERY_S = 2.0
_TRANSFERS = frozenset({"begin", "transferred"})  # the events that name a patient
FINISH_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class AuditSetup:
    """What the thread works by.

    Args:
        chains: of the own ledger, by full name.
        recipient: the box's own opening key, `age1…`.
    """

    repository: AuditRepository
    around: Surroundings
    chains: tuple[str, ...]
    quiet_s: float
    recipient: str


def audit_setup(in_force: InForce) -> AuditSetup | None:
    """Derive what is to be told to whom; None where the site has no repository."""
    desired = in_force.desired
    if desired.audit is None:
        return None
    device = desired.device
    links = [link_chain(device, link.id) for link in desired.links]
    return AuditSetup(
        desired.audit,
        _surroundings(desired, desired.audit),
        (box_chain(device), *links),
        float(desired.receive.quiet_s),
        in_force.card.opening,
    )


def _surroundings(desired: Desired, repository: AuditRepository) -> Surroundings:
    dicom = [there for there in desired.destinations if isinstance(there, DicomDestination)]
    return Surroundings(
        device=desired.device,
        source_id=repository.source_id,
        enterprise_site=repository.enterprise_site,
        language=desired.site.language,
        destinations={there.name: Node(there.aet, there.aet, there.host) for there in dicom},
        partners={
            link.id: Node(link.partner, "", link.tunnel.partner_address) for link in desired.links
        },
        callings={there.name: there.calling_aet for there in dicom},
    )


class Auditing:
    """The thread, and what it needs of the unit. Use as a context manager."""

    def __init__(
        self,
        spool: Spool,
        ledger: Ledger,
        keys: Callable[[], Sequence[str]],
        clock: Clock,
        own_certificate: Path,
        timeouts: CollectorTimeouts | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            ledger: the keeper; used by this thread alone.
            keys: the opening keys at hand.
            own_certificate: where ours lies, for a repository that wants one.
        """
        self._own_certificate = own_certificate
        self._spool = spool
        self._keys = keys
        self._clock = clock
        self._timeouts = timeouts or CollectorTimeouts()
        self._clerk = Clerk(spool, ledger)
        self._courier = Courier(spool)
        self._setup: AuditSetup | None = None
        self._is_set_up = False
        self._fault = ""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def __enter__(self) -> Auditing:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Let it finish what it is at; what was not sent is sent the next time."""
        self._end.set()
        self._thread.join(FINISH_WITHIN_S)

    def use(self, setup: AuditSetup | None) -> None:
        """Work by this from now on."""
        if setup != self._setup:
            self._courier.hasten()
        self._setup, self._is_set_up = setup, True

    def heard(self, carried: StoredObject, identities: Sequence[Identities]) -> None:
        """Keep who an exam is of, sealed, where somebody is to be told.

        Args:
            identities: as the exam came, and last as it was delivered: as this site knows it.

        Raises:
            SpoolError: the index failed.
        """
        setup = self._setup
        if setup is not None and identities and _TRANSFERS & set(setup.repository.events):
            sealed = seal_subject(identities[-1], setup.recipient)
            self._spool.keep_audit_subject(carried.link, carried.exam_id, sealed)

    def step(self) -> bool:
        """Read the ledger on and send what waits.

        Returns:
            Whether there is more to do at once.

        Raises:
            EdgeError: the keeper or the index failed.
        """
        setup, now = self._setup, self._clock.now()
        if not self._is_set_up:
            return False
        if setup is None:
            self._clerk.stop()
            return False
        repository = setup.repository
        is_more = self._clerk.step(setup.chains, repository.events, setup.quiet_s, now)
        own = self._own_certificate if repository.client_certificate else None
        send = functools.partial(
            send_to_collector, repository, timeouts=self._timeouts, own_certificate=own
        )
        return self._courier.step(send, self._keys(), setup.around, now) or is_more

    def status(self) -> dict[str, Any] | None:
        """Say how it stands, for the doctor and the desk; None where nobody is to be told.

        Raises:
            SpoolError: the index failed.
        """
        if self._setup is None:
            return None
        standing = self._courier.standing
        waiting, oldest_at = self._spool.audit_backlog()
        return {
            "waiting": waiting,
            "oldest_at": oldest_at,
            "limit": MAX_WAITING,
            "full": self._clerk.is_full,
            "locked": standing.is_locked,
            "unreachable_since": standing.unreachable_since,
            "reason": standing.reason,
            "last_sent_at": standing.last_sent_at,
            "fault": self._fault,
        }

    def _run(self) -> None:
        while not self._end.is_set():
            is_more = self._try_step()
            self._end.wait(0.0 if is_more else LOOK_EVERY_S)

    def _try_step(self) -> bool:
        try:
            is_more = self.step()
        except EdgeError as error:
            self._note(error.message)
            return False
        except Exception as error:
            # A surprise here must not end the unit, and with it the deliveries. Its text may quote
            # a value: only its kind is told.
            self._note(f"internal fault ({type(error).__name__})")
            return False
        self._fault = ""
        return is_more

    def _note(self, fault: str) -> None:
        if fault != self._fault:
            LOG.error("audit messages wait", reason=fault)
        self._fault = fault
