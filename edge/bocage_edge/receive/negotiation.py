"""Which presentation contexts we accept, and in which transfer syntax. Pure.

We are a storage SCP and answer C-ECHO; storage commitment is offered to those it is configured for.
Query/retrieve and worklists are not. Every proposed context is judged by itself, so the same class
in many contexts, each with its own list, gets an answer each.

A context gets the best of the transfer syntaxes it proposes, by our order: uncompressed (our own
coder does better, and exactly), then lossless, then lossy. A syntax not in the list is never
accepted, be it invented, deflated (a few kilobytes inflate without bound), or one whose pixels
live elsewhere (JPIP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from bocage_edge.exam.references import COMMITMENT_CLASS
from bocage_edge.receive.uid import is_conformant

# PS3.6 annex A
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

UNCOMPRESSED = (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.2",  # explicit big endian, retired, still sent
)
LOSSLESS = (
    "1.2.840.10008.1.2.4.201",  # HTJ2K lossless
    "1.2.840.10008.1.2.4.202",  # HTJ2K lossless, RPCL
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.92",  # JPEG 2000 part 2 lossless
    "1.2.840.10008.1.2.4.110",  # JPEG XL lossless
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.1.98",  # encapsulated uncompressed
)
LOSSY = (
    "1.2.840.10008.1.2.4.50",  # JPEG baseline
    "1.2.840.10008.1.2.4.51",  # JPEG extended, 12 bit
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.203",  # HTJ2K
    "1.2.840.10008.1.2.4.93",  # JPEG 2000 part 2
    "1.2.840.10008.1.2.4.111",  # JPEG XL, recompressed JPEG
    "1.2.840.10008.1.2.4.112",  # JPEG XL
    "1.2.840.10008.1.2.4.100",  # MPEG2 main profile
    "1.2.840.10008.1.2.4.100.1",
    "1.2.840.10008.1.2.4.101",
    "1.2.840.10008.1.2.4.101.1",
    "1.2.840.10008.1.2.4.102",  # H.264
    "1.2.840.10008.1.2.4.102.1",
    "1.2.840.10008.1.2.4.103",
    "1.2.840.10008.1.2.4.103.1",
    "1.2.840.10008.1.2.4.104",
    "1.2.840.10008.1.2.4.104.1",
    "1.2.840.10008.1.2.4.105",
    "1.2.840.10008.1.2.4.105.1",
    "1.2.840.10008.1.2.4.106",
    "1.2.840.10008.1.2.4.106.1",
    "1.2.840.10008.1.2.4.107",  # HEVC
    "1.2.840.10008.1.2.4.108",
)
OUR_ORDER = UNCOMPRESSED + LOSSLESS + LOSSY
_RANK = {syntax: rank for rank, syntax in enumerate(OUR_ORDER)}

# PS3.4 B.5: storage SOP classes, most under one root.
_STANDARD_ROOT = "1.2.840.10008."
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
_OTHER_STORAGE = frozenset(
    {
        "1.2.840.10008.5.1.4.34.7",  # RT beams delivery instruction
        "1.2.840.10008.5.1.4.34.10",  # RT brachy application setup delivery instruction
    }
)
# Under the storage root, but no composite instances of a patient: protocols and inventories,
# and the queries for them.
_NOT_STORAGE = (
    "1.2.840.10008.5.1.4.1.1.200.1",
    "1.2.840.10008.5.1.4.1.1.200.3",
    "1.2.840.10008.5.1.4.1.1.200.4",
    "1.2.840.10008.5.1.4.1.1.200.5",
    "1.2.840.10008.5.1.4.1.1.200.6",
    "1.2.840.10008.5.1.4.1.1.200.7",
    "1.2.840.10008.5.1.4.1.1.201",
)


class ContextResult(IntEnum):
    """How a proposed context ends. Source: PS3.8 table 9-18."""

    ACCEPTED = 0
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


@dataclass(frozen=True, slots=True)
class Proposed:
    """One presentation context of an A-ASSOCIATE-RQ."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """Our answer to it. `transfer_syntax` counts only where it is accepted."""

    context_id: int
    abstract_syntax: str
    result: ContextResult
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What this peer may have, beside C-ECHO."""

    storage: bool = True
    commitment: bool = False

    def holds(self, abstract_syntax: str) -> bool:
        """Whether a context of this abstract syntax is accepted."""
        if abstract_syntax == COMMITMENT_CLASS:
            return self.commitment
        is_stored = self.storage and is_storage(abstract_syntax)
        return is_stored or abstract_syntax == VERIFICATION


EVERY_CALLER = Offer()


def negotiate(proposed: Sequence[Proposed], offer: Offer = EVERY_CALLER) -> list[Answered]:
    """Answer every proposed context, in the order of their ids."""
    ordered = sorted(proposed, key=lambda each: each.context_id)
    return [_answer(context, offer) for context in ordered]


def is_storage(abstract_syntax: str) -> bool:
    """Whether this is a storage SOP class, of the standard or private.

    A class of the standard that is newer than this table is recognised by its root. A private
    class may be anything; it gets C-STORE and nothing else.
    """
    if not is_conformant(abstract_syntax):
        return False
    if not abstract_syntax.startswith(_STANDARD_ROOT):
        return True
    if abstract_syntax in _OTHER_STORAGE:
        return True
    return abstract_syntax.startswith(_STORAGE_ROOT) and not any(
        abstract_syntax == other or abstract_syntax.startswith(other + ".")
        for other in _NOT_STORAGE
    )


def _answer(context: Proposed, offer: Offer) -> Answered:
    if not offer.holds(context.abstract_syntax):
        return _refused(context, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED)
    # There are no pixels in these: only what a data set is written in plainly makes sense.
    has_no_pixels = context.abstract_syntax in (VERIFICATION, COMMITMENT_CLASS)
    possible = UNCOMPRESSED if has_no_pixels else OUR_ORDER
    best = min(
        (syntax for syntax in context.transfer_syntaxes if syntax in possible),
        key=_RANK.__getitem__,
        default=None,
    )
    if best is None:
        return _refused(context, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED)
    return Answered(context.context_id, context.abstract_syntax, ContextResult.ACCEPTED, best)


def _refused(context: Proposed, result: ContextResult) -> Answered:
    # The field must hold one syntax even so, and is not to be looked at (PS3.8 9.3.3.2).
    return Answered(context.context_id, context.abstract_syntax, result, IMPLICIT_LITTLE)
