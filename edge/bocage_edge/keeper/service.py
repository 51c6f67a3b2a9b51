"""What the keeper does for the other units: decides who may, then signs, writes, derives.

Answers are JSON objects: what was asked for, or {"error", "hint"}. Bytes travel as base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from bocage_contract.canonical import canonical_json
from bocage_contract.card import open_card
from bocage_contract.errors import ContractError
from bocage_contract.fingerprint import fingerprint
from bocage_contract.ledger import EntryDraft, Head, draft
from bocage_contract.pins import Pin, Pins, seal_pins
from bocage_contract.signing import to_be_signed
from bocage_edge.configuration import InForce, Loader, load
from bocage_edge.errors import EdgeError, KeeperError
from bocage_edge.keeper.batch import GroupCommit
from bocage_edge.keeper.keys import PrivateKeys, link_key
from bocage_edge.keeper.permissions import (
    COMMIT_TYPE,
    NOT_ALLOWED,
    PARTNER_CHANGED,
    PARTNER_CONFIRMED,
    PARTNER_FORK,
    PURPOSES,
    may_ask,
    may_write,
)
from bocage_edge.ledger.own import Addition, Fate, OwnLedger
from bocage_edge.ledger.partners import (
    Partner,
    PartnerForkError,
    PartnerLedger,
    PartnerPageError,
)
from bocage_edge.partner import Confirmed, partner_of
from bocage_edge.paths import Box
from bocage_system.clock import Clock
from bocage_system.durable import write_atomic

Message = dict[str, Any]
DIGEST_BYTES = 32
# Leaves room for the chain's own fields below the ledger's limit of 4 KiB an entry.
MAX_BODY_BYTES = 3584
# What follows the device in a chain's name; as in contract/ledger.py.
_CHAIN_END = re.compile(r"[a-z0-9-]{1,48}")
PINS_MODE = 0o640
_BOX = "box"
_KEEPER = "keeper"


class Service:
    """The keeper's operations. Safe to use from any thread."""

    def __init__(
        self,
        box: Box,
        device: str,
        keys: PrivateKeys,
        own: OwnLedger,
        partners: PartnerLedger,
        clock: Clock,
    ) -> None:
        """Put the parts together.

        Args:
            device: this box's id, from its card.
        """
        self._box = box
        self._loader = Loader(box)
        self._device = device
        self._keys = keys
        self._own = own
        self._partners = partners
        self._clock = clock
        self._commit = GroupCommit(own.append)
        self._operations: dict[str, Callable[[str, Message], Message]] = {
            "append": self._on_append,
            "sign": self._on_sign,
            "commit": self._on_commit,
            "link_key": self._on_link_key,
            "head": self._on_head,
            "entries": self._on_entries,
            "accept_partner": self._on_accept_partner,
            "set_aside_partner": self._on_set_aside_partner,
            "partner_head": self._on_partner_head,
            "partner_entries": self._on_partner_entries,
            "pin": self._on_pin,
            "chains": self._on_chains,
            "held_entries": self._on_held_entries,
            "fork_entries": self._on_fork_entries,
            "verify_own": self._on_verify_own,
            "verify_partner": self._on_verify_partner,
        }

    def answer(self, unit: str | None, message: Message) -> Message:
        """Answer one question.

        Args:
            unit: who asks, as the kernel says; None for a stranger.
        """
        operation = str(message.get("op", ""))
        if unit is None or not may_ask(unit, operation):
            return _refusal(f"{unit or 'a stranger'} may not ask for {operation[:32]!r}")
        try:
            return self._operations[operation](unit, message)
        except PartnerPageError as error:
            return {"error": error.message, "hint": error.hint, "by_partner": True}
        except EdgeError as error:
            return _refusal(error.message, error.hint)
        except ContractError as error:
            return _refusal(str(error))
        except (KeyError, TypeError, ValueError) as error:
            return _refusal(
                f"{operation}: a field is missing or not right ({type(error).__name__})"
            )

    def write_own(self, kind: str, key: str, chain: str, **body: str | int) -> None:
        """Write an entry of the keeper's own.

        Args:
            key: what happened once under one key is written once.
            chain: a link id, or "box".

        Raises:
            KeeperError: the medium refused.
        """
        entry = draft(kind, self._clock.now(), **body)
        self._commit.write([Addition(_KEEPER, key, self._chain(chain), entry)])

    # Writing

    def _on_append(self, unit: str, message: Message) -> Message:
        source = f"{unit}/{_text(message['source'])}"
        additions = [
            self._addition(unit, source, number, chain, raw)
            for number, chain, raw in message["entries"]
        ]
        fates = self._commit.write(additions)
        return {"written": sum(fate is Fate.WRITTEN for fate in fates)}

    def _addition(
        self, unit: str, source: str, number: object, chain: object, raw: Message
    ) -> Addition:
        """Make an addition; an entry the unit may not write becomes one that says so.

        It is not sent back: the unit would bring it again for ever, and its neighbours with it.
        """
        entry = EntryDraft.of(raw)
        if len(canonical_json(entry.body)) > MAX_BODY_BYTES:
            raise KeeperError(f"ledger entry {entry.kind}: the body is too large")
        if may_write(unit, entry):
            return Addition(source, str(number), self._chain(_text(chain)), entry)
        # The entry's own moment, so that the same again is the same.
        body = {"unit": unit, "refused_kind": entry.kind}
        told = EntryDraft(kind=NOT_ALLOWED, at=entry.at, body=body)
        return Addition(source, str(number), self._chain(_BOX), told)

    def _chain(self, name: str) -> str:
        """Give a chain's full name; a unit may say "<link>" or "<device>/<link>", never another's.

        Raises:
            KeeperError: it is another box's chain, or no name of a chain.
        """
        device, slash, rest = name.rpartition("/")
        if (slash and device != self._device) or not _CHAIN_END.fullmatch(rest):
            raise KeeperError(f"{name[:64]!r} is no chain of this box")
        return f"{self._device}/{rest}"

    # Signing

    def _on_sign(self, unit: str, message: Message) -> Message:
        purpose, digest = _text(message["purpose"]), _bytes(message["digest"])
        if purpose not in PURPOSES.get(unit, frozenset()) or len(digest) != DIGEST_BYTES:
            raise KeeperError(f"{unit} may not have {purpose[:48]!r} signed")
        return {"signature": _base64(self._keys.sign(to_be_signed(purpose, digest)))}

    def _on_commit(self, _unit: str, message: Message) -> Message:
        payload = canonical_json(
            {
                "link": _text(message["link"]),
                "epoch": int(message["epoch"]),
                "number": int(message["number"]),
                "verdicts": [[_text(name), _text(word)] for name, word in message["verdicts"]],
            }
        )
        return {"signature": _base64(self._keys.sign(to_be_signed(COMMIT_TYPE, payload)))}

    def _on_link_key(self, _unit: str, message: Message) -> Message:
        in_force = self._loader.now()
        link = in_force.desired.link(_text(message["link"]))
        if link is None:
            raise KeeperError("the configuration has no such link")
        partner = partner_of(link, in_force.pins)
        if not isinstance(partner, Confirmed):
            raise KeeperError(partner.reason)
        key = link_key(
            self._keys.agreement,
            partner.card.agreement_key,
            link.id,
            (self._keys.identity_public, partner.card.identity_key),
        )
        return {"key": _base64(key)}

    # Own chains

    def _on_head(self, unit: str, message: Message) -> Message:
        return {"head": self._own.head(self._shown(unit, message)).to_json()}

    def _on_entries(self, unit: str, message: Message) -> Message:
        chain = self._shown(unit, message)
        raws, head = self._own.page(chain, int(message["after"]), int(message["limit"]))
        return {"entries": [_base64(raw) for raw in raws], "head": head.to_json()}

    def _shown(self, unit: str, message: Message) -> str:
        chain = self._chain(_text(message["chain"]))
        if unit == "relay" and chain == self._chain(_BOX):
            raise KeeperError("the box's own chain is not for partners")
        return chain

    def _on_verify_own(self, _unit: str, _message: Message) -> Message:
        return {"faults": self._own.verify(self._keys.identity_public)}

    # Partners' chains

    def _on_accept_partner(self, _unit: str, message: Message) -> Message:
        partner = self._pinned(message)
        raws = [_bytes(text) for text in message["entries"]]
        try:
            held = self._partners.accept(partner, raws, Head.of(message["head"]))
        except PartnerForkError as fork:
            key = f"{PARTNER_FORK}:{partner.link}:{fork.n}:{fork.head.hash}"
            self.write_own(
                PARTNER_FORK, key, _BOX, link=partner.link, device=partner.device, n=fork.n
            )
            raise
        return {"head": held.to_json()}

    def _on_set_aside_partner(self, _unit: str, message: Message) -> Message:
        held = self._partners.set_aside(self._pinned(message))
        return {"held": 0 if held is None else held.n}

    def _on_partner_head(self, _unit: str, message: Message) -> Message:
        held = self._partners.head(self._pinned(message))
        return {"head": None if held is None else held.to_json()}

    def _on_partner_entries(self, _unit: str, message: Message) -> Message:
        raws = self._partners.page(
            self._pinned(message), int(message["after"]), int(message["limit"])
        )
        return {"entries": [_base64(raw) for raw in raws]}

    def _on_chains(self, _unit: str, _message: Message) -> Message:
        pins = self._loader.now().pins
        held = []
        for kept in self._partners.kept():
            pin = pins.for_link(kept.link)
            confirmed = None if pin is None else pin.identity
            is_held = not kept.is_set_aside and confirmed == _base64(kept.identity)
            held.append(
                {
                    "id": kept.id,
                    "identity": _base64(kept.identity),
                    "standing": "held" if is_held else "set_aside",
                    "head": kept.head.to_json(),
                }
            )
        return {"own": self._own.chains(), "held": held, "forks": self._forks()}

    def _forks(self) -> list[Message]:
        return [
            {
                "id": fork.id,
                "identity": _base64(fork.identity),
                "after": fork.after,
                "after_hash": fork.after_hash,
                "head": fork.head.to_json(),
            }
            for fork in self._partners.forks()
        ]

    def _on_fork_entries(self, _unit: str, message: Message) -> Message:
        raws = self._partners.fork_entries(int(message["id"]))
        return {"entries": [_base64(raw) for raw in raws]}

    def _on_held_entries(self, _unit: str, message: Message) -> Message:
        raws = self._partners.kept_page(
            int(message["id"]), int(message["after"]), int(message["limit"])
        )
        return {"entries": [_base64(raw) for raw in raws]}

    def _on_verify_partner(self, _unit: str, message: Message) -> Message:
        partner = self._pinned(message)
        faults = self._partners.verify(partner)
        if forks := self._partners.count_forks(partner):
            faults = [*faults, f"{partner.chain}: {forks} contradicting histories were signed"]
        return {"faults": faults}

    def _pinned(self, message: Message) -> Partner:
        link = _text(message["link"])
        pin = self._loader.now().pins.for_link(link)
        if pin is None:
            raise KeeperError(
                f"no partner is confirmed on link {link[:48]}", "run: bocage-edge pair confirm"
            )
        return Partner(link, pin.device, base64.b64decode(pin.identity))

    # Confirming partners

    def _on_pin(self, _unit: str, message: Message) -> Message:
        in_force = load(self._box)
        link, card = _text(message["link"]), open_card(_bytes(message["card"]))
        wanted = in_force.desired.link(link)
        if wanted is None or wanted.partner != card.device:
            raise KeeperError(f"the configuration names another partner for link {link[:48]}")
        pin = Pin(
            link=link,
            device=card.device,
            identity=card.identity,
            card_serial=card.serial,
            confirmed_at=int(self._clock.now()),
        )
        kind = self._write_pin(in_force, pin)
        self.write_own(
            kind,
            f"{kind}:{link}:{in_force.pins.revision + 1}",
            link,
            partner=card.device,
            identity=fingerprint(card.identity_key),
            serial=card.serial,
        )
        return {"confirmed": card.device}

    def _write_pin(self, in_force: InForce, pin: Pin) -> str:
        before = in_force.pins.for_link(pin.link)
        others = [each for each in in_force.pins.pins if each.link != pin.link]
        pins = Pins(revision=in_force.pins.revision + 1, pins=[*others, pin])
        raw = seal_pins(pins, self._keys.sign, self._keys.identity_public)
        write_atomic(self._box.pins, raw, mode=PINS_MODE)
        is_changed = before is not None and before.identity != pin.identity
        return PARTNER_CHANGED if is_changed else PARTNER_CONFIRMED


def _refusal(reason: str, hint: str = "") -> Message:
    return {"error": reason, "hint": hint, "by_partner": False}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _bytes(value: object) -> bytes:
    return base64.b64decode(_text(value), validate=True)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
