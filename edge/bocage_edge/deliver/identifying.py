"""Who says which identifiers an object is to bear here: the link's marks, or the exam's own.

The forwarder's thread asks for a plan; a lane's thread carries it out once the data set has begun.
The hospital's own identifiers lie in the exam's particulars, sealed to this box. Where they cannot
be had, a report by the exam's very Study Instance UID is delivered as it came, and its entry says
so; one that was matched by another number waits, for nothing in it need be known at the hospital.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bocage_contract.coercion import Coerce
from bocage_contract.exam_class import ExamClass
from bocage_edge.deliver.coercion import (
    STUDY_UID,
    Coercion,
    IdentitiesHeldError,
    marked,
    returned,
    stamp_of,
)
from bocage_edge.deliver.rewriting import Identified, Stamp
from bocage_edge.errors import KeeperError, SealError, SpoolError
from bocage_edge.exam.hospital import HospitalIdentities, hospital_identities
from bocage_edge.exam.identities import Identities
from bocage_edge.exam.identity import exam_id
from bocage_edge.particulars import open_particulars
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectKind, StoredObject
from bocage_system import logs

LOG = logs.get(__name__)

UNKNOWN_HERE = "the identifiers of its exam at this hospital cannot be opened on this box"
CANNOT_LOOK = "the identifiers of its exam cannot be looked up now"

Plan = Callable[[Identified], Coercion]


@dataclass(frozen=True, slots=True)
class Own:
    """The identifiers a message is to bear.

    Args:
        identities: None: those it came with.
        coerce: marks for the numbers it came with; None: none.
        is_unproven: nobody could look whether these are the hospital's own.
    """

    identities: Identities | None
    is_unproven: bool = False
    coerce: Coerce | None = None


# Says it of the Study Instance UID that a message bears; raises IdentitiesHeldError.
Whose = Callable[[str], Own]


@dataclass(frozen=True, slots=True)
class LinkIdentifiers:
    """What becomes of the identifiers of what arrives over a link.

    Args:
        system: this box, as a change names it.
        source: the partner.
        is_home: the exams of the link start here; what comes back bears their own identifiers.
        coerce: marks for the exams that are read here.
    """

    system: str
    source: str
    is_home: bool = False
    coerce: Coerce | None = None


class Identifying:
    """See the module. Safe to use from any thread."""

    def __init__(
        self,
        spool: Spool,
        keys: Callable[[], Sequence[str]],
        link_key: Callable[[str], bytes],
    ) -> None:
        """Hold the parts.

        Args:
            keys: gives the opening keys at hand.
            link_key: asks the keeper; raises KeeperError.
        """
        self._spool = spool
        self._keys = keys
        self._link_key = link_key

    def plan_for(self, carried: StoredObject, links: Mapping[str, LinkIdentifiers]) -> Plan | None:
        """Say what decides on an object's identifiers; None: they are left alone."""
        link = links.get(carried.link)
        if link is None or carried.kind is not ObjectKind.INSTANCE:
            return None
        stamp = stamp_of(carried.accepted_at, link.system, link.source)
        if link.is_home:
            return partial(self._at_home, carried, stamp)
        if link.coerce is not None and carried.klass is not ExamClass.REPORT:
            return partial(_marked, link.coerce, stamp)
        return None

    def whose(self, carried: StoredObject, links: Mapping[str, LinkIdentifiers]) -> Whose | None:
        """Say what decides on a message's identifiers; None: they are left alone."""
        link = links.get(carried.link)
        if link is None:
            return None
        if link.is_home:
            is_report = carried.kind is ObjectKind.REPORT
            return partial(self._message_at_home, carried) if is_report else None
        if link.coerce is not None and carried.kind is ObjectKind.REQUEST:
            return partial(_marked_request, link.coerce)
        return None

    def own(self, link: str, exam: str) -> HospitalIdentities | None:
        """Give what this hospital calls an exam; None where it is not known, or cannot be opened.

        Raises:
            SpoolError: the index cannot be read.
        """
        sealed = self._spool.sealed_particulars(link, exam)
        if sealed is None:
            return None
        try:
            return hospital_identities(open_particulars(sealed, self._keys()).values)
        except SealError as error:
            LOG.warning("particulars not opened", link=link, error=type(error).__name__)
            return None

    def _message_at_home(self, carried: StoredObject, study: str) -> Own:
        try:
            own = self.own(carried.link, carried.exam_id)
            if own is not None:
                return Own(own.identities())
            if exam_id(self._link_key(carried.link), study) == carried.exam_id:
                return Own(None, is_unproven=True)
        except (KeeperError, SpoolError):
            raise IdentitiesHeldError(CANNOT_LOOK) from None
        raise IdentitiesHeldError(UNKNOWN_HERE)

    def _at_home(self, carried: StoredObject, stamp: Stamp, found: Identified) -> Coercion:
        try:
            own = self.own(carried.link, carried.exam_id)
            if own is not None:
                return Coercion(returned(found, own), stamp)
            study = found.value(STUDY_UID).decode("ascii", "surrogateescape")
            if exam_id(self._link_key(carried.link), study) == carried.exam_id:
                return Coercion(is_unproven=True)
        except (KeeperError, SpoolError):
            raise IdentitiesHeldError(CANNOT_LOOK) from None
        raise IdentitiesHeldError(UNKNOWN_HERE)


def _marked_request(coerce: Coerce, _study: str) -> Own:
    return Own(None, coerce=coerce)


def _marked(coerce: Coerce, stamp: Stamp, found: Identified) -> Coercion:
    return Coercion(marked(found, coerce), stamp)
