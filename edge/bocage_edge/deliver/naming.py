"""What an exam is called, learned where its first instance is opened, so that a report finds it.

A lane listens to the data set it sends anyway and gives back what it heard; the forwarder's thread
writes keyed hashes of it. Once an exam, at the reading box only. A request that is delivered adds
its numbers: a report may bear the order's, and images need not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from bocage_contract.exam_class import ExamClass
from bocage_contract.hl7_receive import Issuer
from bocage_edge.errors import KeeperError, SpoolError
from bocage_edge.exam.heard import Heard
from bocage_edge.exam.identities import Identities
from bocage_edge.exam.issuers import declared
from bocage_edge.exam.names import NameKind, names_of
from bocage_edge.seal.scanner import Limits, Scanner
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectKind, StoredObject
from bocage_system import logs

LOG = logs.get(__name__)

# What identifies stands in the first groups; a hostile data set is not followed further.
LISTENED_BYTES = 1024 * 1024
_LIMITS = Limits(levels=16, elements=20_000)
_REMEMBERED_EXAMS = 4096
_NUMBERS = frozenset({NameKind.ACCESSION.value, NameKind.ORDER.value})


class Naming:
    """Says which instances are to be listened to, and keeps what was heard. For one thread."""

    def __init__(
        self,
        spool: Spool,
        link_key: Callable[[str], bytes],
        keep: Callable[[StoredObject, Sequence[Identities]], None] = lambda _carried, _heard: None,
    ) -> None:
        """Hold the parts.

        Args:
            link_key: asks the keeper; raises KeeperError.
            keep: told of every exam that is heard, before it has its names; raises SpoolError.
        """
        self.issuers: Sequence[Issuer] = ()  # as the site's configuration declares them
        self._keep = keep
        self._spool = spool
        self._link_key = link_key
        self._named: set[tuple[str, str]] = set()

    def wants(self, carried: StoredObject, reading: Collection[str]) -> bool:
        """Say whether this object is an instance of an exam that has no names yet, or a request.

        Args:
            reading: ids of the links at whose reading end we are.
        """
        exam = (carried.link, carried.exam_id)
        if carried.link not in reading or carried.klass is ExamClass.REPORT:
            return False
        if carried.kind is not ObjectKind.INSTANCE:
            return carried.kind is ObjectKind.REQUEST
        if exam in self._named:
            return False
        if all(kind in _NUMBERS for kind, _ in self._spool.exam_names(*exam)):
            return True
        self._remember(exam)
        return False

    def heard(self, carried: StoredObject, identities: Sequence[Identities]) -> None:
        """Write down what an exam is called; what cannot be now is learned from its next instance.

        A report of an exam that has no names is still found by its Study Instance UID.

        Args:
            identities: as the exam came, and as it was delivered: a report may bear either.
        """
        is_request = carried.kind is ObjectKind.REQUEST
        try:
            if not is_request:
                self._keep(carried, identities)
            key = self._link_key(carried.link)
            # Of the hospital's numbers: what names no issuer stays without one here.
            known = [declared(each, self.issuers, is_own=False) for each in identities]
            names = dict.fromkeys(row for each in known for row in names_of(key, each).rows())
            # Of whom the exam is its images say.
            kept = [row for row in names if not is_request or row[0] in _NUMBERS]
            self._spool.add_exam_names(carried.link, carried.exam_id, kept)
        except (KeeperError, SpoolError) as error:
            LOG.warning("exam not named yet", object=carried.name, error=type(error).__name__)
            return
        if not is_request:
            self._remember((carried.link, carried.exam_id))

    def _remember(self, exam: tuple[str, str]) -> None:
        if len(self._named) >= _REMEMBERED_EXAMS:
            self._named.clear()
        self._named.add(exam)


class Listener:
    """Hears the start of one data set as it goes by."""

    def __init__(self, transfer_syntax: str) -> None:
        """Begin a data set."""
        self._ear = Heard()
        self._scanner = Scanner(transfer_syntax, self._ear, _LIMITS)

    def through(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Give the very blocks on."""
        left = LISTENED_BYTES
        for block in blocks:
            if left > 0 and self._scanner.pixel_length is None:
                self._scanner.feed(memoryview(block)[:left])
                left -= len(block)
            yield block
            del block  # not two large ones at a time

    def identities(self) -> Identities:
        """Give what was heard."""
        return self._ear.identities()
