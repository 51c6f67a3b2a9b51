"""The other units' door to the keeper."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage_contract.errors import ContractError
from bocage_contract.ledger import EntryDraft, Head
from bocage_contract.ledger_export import ChainOpening
from bocage_edge.errors import KeeperError
from bocage_system.local_socket import LocalClient, LocalSocketError

# Kept well below what a frame of the socket may hold: an entry has at most 4 KiB.
_LARGEST_BATCH = 1000
_OPENING = ("identity", "standing", "after", "after_hash")


@dataclass(frozen=True, slots=True)
class HeldChain:
    """A chain of a partner's that is kept; `id` asks for its entries, of a fork for a fork's."""

    id: int
    opening: ChainOpening
    head: Head


class PartnerLedgerError(KeeperError, ContractError):
    """The partner's entries are not what they must be; none of them was kept."""


class Keeper:
    """The keeper behind its socket. Safe to use from any thread, one question at a time.

    Every method raises `KeeperError` where the keeper does not answer or refuses.
    """

    def __init__(self, socket: Path) -> None:
        """Remember where the keeper listens; the connection is made with the first question."""
        self._client = LocalClient(socket)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def append(self, source: str, entries: Sequence[tuple[int | str, str, EntryDraft]]) -> int:
        """Write entries into the ledger; once this returns they are there for ever.

        Args:
            source: name of the caller's outbox.
            entries: place in the outbox, chain (a link id, "box", or a full chain name), draft.
                The same place and content again changes nothing.

        Returns:
            How many were not there before. One of a kind the caller may not write does not fail:
            the ledger gets an entry that says so.
        """
        written = 0
        for start in range(0, len(entries), _LARGEST_BATCH):
            batch = entries[start : start + _LARGEST_BATCH]
            answer = self._ask(
                "append",
                source=source,
                entries=[[number, chain, entry.to_json()] for number, chain, entry in batch],
            )
            written += int(answer["written"])
        return written

    def sign(self, purpose: str, digest: bytes) -> bytes:
        """Sign a SHA-256 digest for a purpose (a type of contract/signing.py) of the caller's.

        Returns:
            64 bytes, over `to_be_signed(purpose, digest)`.
        """
        return _bytes(self._ask("sign", purpose=purpose, digest=_base64(digest))["signature"])

    def commit(
        self, link: str, epoch: int, number: int, verdicts: Sequence[tuple[str, str]]
    ) -> bytes:
        """Sign that objects of a link are here: (object name, verdict) each.

        Returns:
            64 bytes; docs/relay-protocol.md says over what.
        """
        answer = self._ask(
            "commit",
            link=link,
            epoch=epoch,
            number=number,
            verdicts=[list(verdict) for verdict in verdicts],
        )
        return _bytes(answer["signature"])

    def link_key(self, link: str) -> bytes:
        """Give the 32-byte key that only the two boxes of a link know; the partner is confirmed."""
        return _bytes(self._ask("link_key", link=link)["key"])

    def head(self, chain: str) -> Head:
        """Give the signed head of an own chain; number 0 where nothing was written to it."""
        return Head.of(self._ask("head", chain=chain)["head"])

    def head_number(self, chain: str) -> int:
        """Give the number of the last entry of an own chain."""
        return self.head(chain).n

    def entries(self, chain: str, after: int, limit: int) -> tuple[list[bytes], Head]:
        """Give a page of an own chain, and a signed head that ends with its last entry.

        Args:
            limit: entries; at most 1000 are given.
        """
        answer = self._ask("entries", chain=chain, after=after, limit=limit)
        return [_bytes(raw) for raw in answer["entries"]], Head.of(answer["head"])

    def accept_partner(self, link: str, entries: Sequence[bytes], head: Head) -> int:
        """Verify a page of the partner's chain and keep it.

        Returns:
            The number of the last entry that is kept now.

        Raises:
            PartnerLedgerError: it does not follow what is kept, is not signed by the pinned
                identity, or contradicts what it signed before. Nothing was kept.
        """
        answer = self._ask(
            "accept_partner",
            link=link,
            entries=[_base64(raw) for raw in entries],
            head=head.to_json(),
        )
        return Head.of(answer["head"]).n

    def set_aside_partner(self, link: str) -> int:
        """Keep what is held of the partner's chain as evidence only: the partner began anew.

        Returns:
            The number of its last entry; 0 where nothing was held.
        """
        return int(self._ask("set_aside_partner", link=link)["held"])

    def partner_head(self, link: str) -> Head | None:
        """Give the newest head of the partner's chain that is kept."""
        head = self._ask("partner_head", link=link)["head"]
        return None if head is None else Head.of(head)

    def partner_head_number(self, link: str) -> int:
        """Give the number of the last entry of the partner's chain that is kept."""
        head = self.partner_head(link)
        return 0 if head is None else head.n

    def partner_entries(self, link: str, after: int, limit: int) -> list[bytes]:
        """Give kept entries of the partner's chain; at most 1000."""
        answer = self._ask("partner_entries", link=link, after=after, limit=limit)
        return [_bytes(raw) for raw in answer["entries"]]

    def pin(self, link: str, card: bytes) -> str:
        """Confirm the partner of a link: the caller has seen people compare the six words.

        Args:
            card: the envelope whose words were compared.

        Returns:
            The partner's device id.
        """
        return str(self._ask("pin", link=link, card=_base64(card))["confirmed"])

    def chains(self) -> tuple[list[str], list[HeldChain]]:
        """Name the own chains, and list every chain of a partner's that is kept.

        Second histories that a partner signed come last, with the standing `fork`.
        """
        answer = self._ask("chains")
        kept = [*answer["held"], *({**each, "standing": "fork"} for each in answer["forks"])]
        return [str(name) for name in answer["own"]], [_held(each) for each in kept]

    def held_entries(self, held: int, after: int, limit: int) -> list[bytes]:
        """Give entries of a kept chain; at most 1000."""
        answer = self._ask("held_entries", id=held, after=after, limit=limit)
        return [_bytes(raw) for raw in answer["entries"]]

    def fork_entries(self, fork: int) -> list[bytes]:
        """Give the entries of a second history that was kept."""
        return [_bytes(raw) for raw in self._ask("fork_entries", id=fork)["entries"]]

    def verify_own(self) -> list[str]:
        """Check every own chain from its first entry; what is wrong, in words."""
        return [str(fault) for fault in self._ask("verify_own")["faults"]]

    def verify_partner(self, link: str) -> list[str]:
        """Check what is kept of the partner's chain; what is wrong, in words."""
        return [str(fault) for fault in self._ask("verify_partner", link=link)["faults"]]

    def _ask(self, operation: str, **fields: Any) -> dict[str, Any]:
        try:
            answer = self._client.call({"op": operation, **fields})
        except LocalSocketError as error:
            raise KeeperError(
                "the keeper does not answer", hint="look: systemctl status bocage-keeper"
            ) from error
        if "error" in answer:
            kind = PartnerLedgerError if answer.get("by_partner") else KeeperError
            raise kind(str(answer["error"]), str(answer.get("hint", "")))
        return answer


def _held(said: dict[str, Any]) -> HeldChain:
    head = Head.of(said["head"])
    opening = {name: said[name] for name in _OPENING if name in said}
    return HeldChain(int(said["id"]), ChainOpening.of({"chain": head.chain, **opening}), head)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
