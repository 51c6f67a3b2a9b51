"""What it takes to seal for a link: a confirmed partner, and the key that names exams."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from bocage_contract.configuration import Link
from bocage_contract.convention.model import Convention
from bocage_contract.hl7_receive import Issuer
from bocage_edge.configuration import InForce
from bocage_edge.errors import KeeperError
from bocage_edge.partner import Confirmed, partner_of
from bocage_edge.receive.answer import Answer


@dataclass(frozen=True, slots=True)
class Target:
    """A link that may be sealed for."""

    link: str
    partner: str
    recipients: tuple[str, ...]
    link_key: bytes
    versions: tuple[Convention, ...] = ()  # of the link's convention; none: it has no convention
    issuers: tuple[Issuer, ...] = ()  # who the site says gives out patient numbers


@dataclass(frozen=True, slots=True)
class NotReady:
    """A link that may not; nothing is sealed, the modality is told to send again later.

    Args:
        reason: for the log, from a fixed list of sentences.
        alarm: the kind of alarm it is; empty: none, it passes by itself.
    """

    answer: Answer
    partner: str
    reason: str
    alarm: str = ""


class Targets:
    """The links of one configuration. The keeper is asked once for each."""

    def __init__(self, in_force: InForce, link_key: Callable[[str], bytes]) -> None:
        """Ask nobody yet.

        Args:
            link_key: asks the keeper; raises KeeperError.
        """
        self._in_force = in_force
        self._link_key = link_key
        self._lock = threading.Lock()
        self._known: dict[str, Target | NotReady] = {}

    def find(self, link_id: str) -> Target | NotReady:
        """Say whether a link may be sealed for, now."""
        with self._lock:
            known = self._known.get(link_id)
            if known is None:
                known = self._look(link_id)
                # A keeper that is just starting answers the next time.
                if not isinstance(known, NotReady) or known.answer is not Answer.KEEPER_SILENT:
                    self._known[link_id] = known
            return known

    def ready(self) -> list[Target]:
        """Give every link that may be sealed for, now."""
        found = [self.find(link.id) for link in self._in_force.desired.links]
        return [target for target in found if isinstance(target, Target)]

    def _look(self, link_id: str) -> Target | NotReady:
        link = self._in_force.desired.link(link_id)
        if link is None:
            return NotReady(Answer.SERVICE_GONE, "", "the link is not configured any more")
        return self._look_at(link)

    def _look_at(self, link: Link) -> Target | NotReady:
        partner = partner_of(link, self._in_force.pins)
        if not isinstance(partner, Confirmed):
            if partner.changed:
                changed = Answer.PARTNER_CHANGED
                return NotReady(changed, link.partner, partner.reason, "partner_changed")
            waiting = Answer.NOT_CONFIRMED
            return NotReady(waiting, link.partner, partner.reason, "partner_not_confirmed")
        try:
            key = self._link_key(link.id)
        except KeeperError as error:
            return NotReady(Answer.KEEPER_SILENT, link.partner, error.message)
        versions = tuple(approved.convention for approved in link.conventions)
        issuers = tuple(self._in_force.desired.site.issuers)
        return Target(link.id, link.partner, partner.recipients, key, versions, issuers)
