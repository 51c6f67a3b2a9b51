"""Acting on what `epochs` has judged: write down that a box begins anew, and have HELLO said again.

One step at a time for both connections of a link. What is written before a crash is written again
after it: setting aside twice sets nothing aside, and an object is offered again at most.
"""

import asyncio

from bocage_contract.ledger import draft
from bocage_edge.relay.doors import Doors
from bocage_edge.relay.epochs import Level, OpenEpoch, PartnerBeganAnew, judge
from bocage_edge.relay.hello import Hello
from bocage_edge.relay.memory import MemoryFile
from bocage_edge.relay.terms import Terms
from bocage_system import logs

_log = logs.get("relay")


class Levelling:
    """What the two boxes of one link remember of each other."""

    def __init__(self, doors: Doors, memory: MemoryFile) -> None:
        self._doors = doors
        self._memory = memory
        self._turn = asyncio.Lock()

    async def come_level(self, terms: Terms, own: Hello, partner: Hello) -> str:
        """See that neither box has begun anew; where one has, act on it.

        Args:
            own: as we said it on this connection; `partner`: the other's, proved.

        Returns:
            Why both must say HELLO again, on new connections; empty: they need not.
        """
        async with self._turn:
            ledger = await self._doors.work(self._doors.keeper.head_number, terms.own_chain)
            now = self._memory.now
            if now.epoch != own.epoch:
                return f"this box is in epoch {now.epoch} now"
            standing = judge(
                partner, epoch=now.epoch, ledger=ledger, partner_epoch=now.partner_epoch
            )
            match standing:
                case OpenEpoch(number):
                    return await self._open_epoch(terms.id, number, ledger, partner)
                case PartnerBeganAnew(number):
                    return await self._begin_with(terms.id, number)
                case Level():
                    return await self._note(partner)

    async def _open_epoch(self, link: str, number: int, ledger: int, partner: Hello) -> str:
        _log.error("this box is behind its partner's memory", link=link, epoch=number)
        at = self._doors.clock.now()
        entry = draft("epoch", at, epoch=number, ledger=ledger, known=partner.partner_ledger)
        await self._doors.work(self._doors.spool.record, link, [entry])
        await self._doors.work(self._memory.update, epoch=number, epoch_at=int(at))
        self._doors.flush()
        return f"this box begins epoch {number}"

    async def _begin_with(self, link: str, number: int) -> str:
        _log.error("the partner has begun anew", link=link, epoch=number)
        at = self._doors.clock.now()
        held = await self._doors.work(self._doors.keeper.set_aside_partner, link)
        entry = draft("partner_behind", at, epoch=number, held=held)
        await self._doors.work(self._doors.spool.offer_all_again, link, [entry])
        await self._doors.work(
            self._memory.update, partner_epoch=number, partner_epoch_at=int(at), settled=0
        )
        self._doors.flush()
        return f"the partner begins epoch {number}"

    async def _note(self, partner: Hello) -> str:
        await self._doors.work(
            self._memory.update,
            partner_epoch=max(partner.epoch, self._memory.now.partner_epoch),
            partner_revision=partner.revision,
        )
        return ""
