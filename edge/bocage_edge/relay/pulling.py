"""Fetching the partner's ledger of a link: what may come when, and what to ask next. Pure.

    IDLE --(pull sent)--> ASKED --ENTRIES--> CHECKING --(kept)--> IDLE
                                                (the keeper verifies and stores)

HEAD may come at any time and only ever grows. Nothing comes that was not asked for, so a partner
cannot push entries at us.
"""

from dataclasses import dataclass
from enum import Enum

from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.frames import Entries, Head, Pull
from bocage_edge.relay.wire import ENTRIES_LIMIT


class PullState(Enum):
    """What the ledger exchange waits for."""

    IDLE = "idle"
    ASKED = "asked"
    CHECKING = "checking"


@dataclass(slots=True)
class Puller:
    """The state of one connection's ledger exchange.

    Args:
        held: number of the last entry of the partner's chain that we hold.
        partner_head: the highest number the partner is known to have.
        last_head: of its HELLO or of its last HEAD.
    """

    held: int
    partner_head: int
    state: PullState = PullState.IDLE
    last_head: int = -1

    def ask(self) -> Pull | None:
        """Give the next pull, if there is something to fetch and nothing under way."""
        if self.state is not PullState.IDLE or self.partner_head <= self.held:
            return None
        self.state = PullState.ASKED
        return Pull(self.held, ENTRIES_LIMIT)

    def on_head(self, head: Head) -> None:
        """The partner's chain has grown.

        Raises:
            RelayProtocolError: it says a number that is not higher than the last.
        """
        # A page may have brought more than the last HEAD said, so HEADs compare among themselves.
        if head.number <= self.last_head:
            raise RelayProtocolError(Fault.BAD_ENTRIES, "HEAD that does not grow")
        self.last_head = head.number
        self.partner_head = max(self.partner_head, head.number)

    def on_entries(self, entries: Entries) -> Entries | None:
        """Entries came.

        Returns:
            What the keeper must verify and store; None where the partner had nothing new.

        Raises:
            RelayProtocolError: not asked for, or after another number than asked.
        """
        if self.state is not PullState.ASKED:
            raise RelayProtocolError(Fault.WRONG_STATE, "ENTRIES that were not asked for")
        if entries.after != self.held or len(entries.entries) > ENTRIES_LIMIT:
            raise RelayProtocolError(Fault.BAD_ENTRIES, "ENTRIES after another number than asked")
        if not entries.entries:
            # An honest partner promised more than it can give now; it says HEAD when it can.
            self.partner_head = self.held
            self.state = PullState.IDLE
            return None
        self.state = PullState.CHECKING
        return entries

    def kept(self, held: int, *, has_more: bool) -> None:
        """The keeper holds the partner's chain up to this number.

        Args:
            has_more: the partner said that it has entries beyond these.
        """
        self.held = held
        self.partner_head = max(self.partner_head, held + has_more)
        self.state = PullState.IDLE

    def not_kept(self) -> None:
        """The keeper could not keep what came; ask for the same another time."""
        self.state = PullState.IDLE
