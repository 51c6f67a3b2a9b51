"""Why a connection is cut: the codes of the ERROR frame and the exception that carries them.

A fault is *ours to say*: its text goes to the partner, the status file and the ledger, so it never
quotes bytes of the partner. Whether it is the partner's lie or a plain incompatibility stands in
`HOSTILE`: lies are counted and entered in the ledger.
"""

from enum import IntEnum

from bocage_edge.errors import EdgeError


class Fault(IntEnum):
    """Code of an ERROR frame."""

    NOT_OUR_PROTOCOL = 1
    NO_COMMON_VERSION = 2
    BAD_FRAME = 3
    WRONG_STATE = 4
    WRONG_LINK = 5
    WRONG_IDENTITY = 6
    BAD_PROOF = 7
    NOT_CONFIRMED = 8
    BAD_COMMIT = 9
    WRONG_CONTENT = 10
    BAD_ENTRIES = 11
    LIMIT = 12
    TIMED_OUT = 13
    SUPERSEDED = 14
    CLOSING = 15
    INTERNAL = 16


# What only a broken or lying partner does. The rest happens between honest boxes.
HOSTILE = frozenset(
    {
        Fault.NOT_OUR_PROTOCOL,
        Fault.BAD_FRAME,
        Fault.WRONG_STATE,
        Fault.WRONG_IDENTITY,
        Fault.BAD_PROOF,
        Fault.BAD_COMMIT,
        Fault.WRONG_CONTENT,
        Fault.BAD_ENTRIES,
        Fault.LIMIT,
    }
)


class RelayError(EdgeError):
    """The stream between two boxes cannot go on."""


class RelayProtocolError(RelayError):
    """The connection must be cut, for this reason.

    Args:
        fault: code for the ERROR frame.
        text: one short line in our words, without a byte of the partner's.
    """

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text, _HINTS.get(fault, "the connection is made anew by itself"))
        self.fault = fault
        self.text = text

    @property
    def is_hostile(self) -> bool:
        """Whether only a broken or lying partner does this."""
        return self.fault in HOSTILE


_HINTS = {
    Fault.NO_COMMON_VERSION: "update the software of the older box",
    Fault.WRONG_LINK: "compare the configurations of the two boxes",
    Fault.WRONG_IDENTITY: "compare the six words of the partner's card by telephone, then confirm",
    Fault.BAD_PROOF: "compare the six words of the partner's card by telephone, then confirm",
    Fault.NOT_CONFIRMED: "confirm the partner on both boxes: bocage-edge partner confirm",
    Fault.WRONG_CONTENT: "look at the partner box: it sends what it did not announce",
}
