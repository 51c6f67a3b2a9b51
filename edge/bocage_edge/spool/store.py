"""The spool: sealed objects that a power cut cannot lose, and the index that makes them count.

Bytes in one file an object, everything else in one SQLite index that receive, relay and deliver
write under different users. The rooms behind this door: `outgoing` (what starts here), `arriving`
(what the partner sends), `deliveries` (to the site's stations), `exams` (what belongs together),
`exam_names` (by what a report finds its exam), `requests` (that wait for theirs), `unmatched` (what
found none: a person decides), `standing` (how far it has come), `cancelling`, `contents` (of one
instance, that changed), `upkeep` (operators, counts), `verify` (sweep and verify), `commitments`
(what the site's AEs ask us to vouch for), `station_commitments` (what we ask of its stations),
`audit_queue` (what the site's audit repository is still to be told), `undirected` (what waits for
a destination), all upon `core`.
"""

from __future__ import annotations

from bocage_edge.spool.arriving import Arrival, ArrivingSide
from bocage_edge.spool.audit_queue import AuditQueue
from bocage_edge.spool.cancelling import Cancelling
from bocage_edge.spool.commitments import Commitments
from bocage_edge.spool.contents import Contents
from bocage_edge.spool.deliveries import DeliveringSide
from bocage_edge.spool.exam_names import ExamNames
from bocage_edge.spool.exams import Exams
from bocage_edge.spool.outbox import BOX_CHAIN
from bocage_edge.spool.outgoing import OutgoingSide, SameInstanceError
from bocage_edge.spool.requests import Requests
from bocage_edge.spool.standing import Standing
from bocage_edge.spool.station_commitments import StationCommitments
from bocage_edge.spool.undirected import Undirected
from bocage_edge.spool.unmatched import Unmatched
from bocage_edge.spool.upkeep import Upkeep
from bocage_edge.spool.verify import Verifying

__all__ = ["BOX_CHAIN", "Arrival", "SameInstanceError", "Spool"]


class Spool(
    OutgoingSide,
    ArrivingSide,
    DeliveringSide,
    Exams,
    ExamNames,
    Commitments,
    StationCommitments,
    Requests,
    Standing,
    Undirected,
    Unmatched,
    Cancelling,
    Contents,
    Upkeep,
    Verifying,
    AuditQueue,
):
    """One box's spool, as one unit sees it. Safe to use from any thread."""
