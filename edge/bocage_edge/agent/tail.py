"""Reading the box's own chains on, as far as they were not told yet."""

from __future__ import annotations

from collections.abc import Sequence

from bocage_contract.ledger import Head, box_chain, link_chain, read_entry
from bocage_edge.agent.outbox import Outbox
from bocage_edge.agent.telling import events_of
from bocage_edge.keeper.client import Keeper

PAGE = 500
# Nothing is told of what lies further back than this when a box is enrolled late.
FIRST_LOOK_BACK = 200


def read_on(keeper: Keeper, outbox: Outbox, device: str, links: Sequence[str]) -> list[Head]:
    """Bring the outbox up to the end of every chain; gives the heads.

    Raises:
        KeeperError: it does not answer.
    """
    heads = []
    for chain in (box_chain(device), *(link_chain(device, link) for link in links)):
        head = keeper.head(chain)
        heads.append(head)
        after = outbox.cursor(chain) or max(0, head.n - FIRST_LOOK_BACK)
        while after < head.n:
            raws, _ = keeper.entries(chain, after, PAGE)
            if not raws:
                break
            entries = [read_entry(raw) for raw in raws]
            after = entries[-1].n
            outbox.add(events_of(entries), {chain: after})
    return heads
