"""From ledger entries to what the audit repository is told. Pure.

Instances of one exam on one way are told together: once nothing has come for a while, or it has
gone on for long. What begins is told at its first entry. Each unit hands its entries to the keeper
by itself, so relay's `sent` may stand before receive's `received` of the same instance.

    received, same_again, changed_content   taken: instances transferred; sent: begin
    sent                                    sent: instances transferred
    delivered, refused at a destination     delivered: begin, instances transferred
    the kinds of `SECURITY`, `ACTIVITY`     an alert, the box's start or end
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bocage_contract.audit import AuditEvent
from bocage_contract.ledger import Entry
from bocage_edge.audit.happening import Detail, Happening, Transfer, Way

LONGEST_S = 900.0  # then what has come so far is told
FORGOTTEN_S = 7 * 86_400.0  # what has begun and brought nothing: its begin stands alone

TAKEN = frozenset({"received", "changed_content", "same_again"})
SECURITY = frozenset(
    {
        "association_refused",
        "configuration",
        "not_allowed",
        "partner_behind",
        "partner_changed",
        "partner_confirmed",
        "partner_fork",
        "partner_misbehaved",
        "unlocked",
    }
)
ACTIVITY = frozenset({"started", "stopped"})
# Every unit writes when it takes up a configuration; one of them is told.
_CONFIGURED_UNIT = "receive"
_DETAIL_CHARACTERS = 200


class Reader:
    """The transfers under way between two entries; see the module. Values in, values out."""

    def __init__(
        self, events: Iterable[AuditEvent], under_way: Iterable[Transfer], quiet_s: float
    ) -> None:
        """Go on from the transfers under way.

        Args:
            events: what is to be told.
            quiet_s: a transfer of which nothing came for so long is told.
        """
        self._events = frozenset(events)
        self._quiet_s = quiet_s
        self.under_way = {each.key: each for each in under_way}

    def take(self, entry: Entry) -> list[Happening]:
        """Take one entry of an own chain, in their order."""
        at, link = entry.at / 1000, _link_of(entry.chain)
        if entry.kind in TAKEN:
            found = self._taken(entry, link, at)
        elif entry.kind == "sent":
            found = self._sent(entry, link, at)
        elif entry.kind in {"delivered", "refused"}:
            found = self._delivered(entry, link, at)
        else:
            found = _alert(entry, link, at)
        return [each for each in found if each.event in self._events]

    def close(self, now: float) -> list[Happening]:
        """Take out the transfers that are over.

        Args:
            now: Unix seconds.
        """
        over = [each for each in self.under_way.values() if self._is_over(each, now)]
        for each in over:
            del self.under_way[each.key]
        found = [
            Happening("transferred", each.last_at, "", each.link, {}, each)
            for each in over
            if not each.is_empty
        ]
        return [each for each in found if each.event in self._events]

    def _is_over(self, transfer: Transfer, now: float) -> bool:
        if transfer.is_empty:
            return now - transfer.last_at >= FORGOTTEN_S
        is_quiet = now - transfer.last_at >= self._quiet_s
        return is_quiet or now - transfer.first_at >= LONGEST_S

    def _taken(self, entry: Entry, link: str, at: float) -> list[Happening]:
        body = entry.body
        if not _is_of_instance(entry):
            return []
        exam, sop_class = _text(body.get("exam_id")), _text(body.get("sop_class"))
        come = Transfer(
            Way.TAKEN, link, exam, _text(body.get("from")), _text(body.get("service")), at, at
        )
        is_again = entry.kind == "same_again"
        self._add(come, at, {sop_class: 1}, again=int(is_again))
        if is_again:
            return []
        to_send = Transfer(Way.SENT, link, exam, "", "", at, at)
        return self._begin(to_send)

    def _sent(self, entry: Entry, link: str, at: float) -> list[Happening]:
        objects = entry.body.get("objects")
        count = len(objects) if isinstance(objects, list) else 0
        sent = Transfer(Way.SENT, link, _text(entry.body.get("exam_id")), "", "", at, at)
        self._add(sent, at, {"": count})
        return []

    def _delivered(self, entry: Entry, link: str, at: float) -> list[Happening]:
        body = entry.body
        if not body.get("destination") or not _is_of_instance(entry):
            return []  # refused at the door, or by a person: nothing was transferred
        to_station = Transfer(
            Way.DELIVERED,
            link,
            _text(body.get("exam_id")),
            "",
            _text(body.get("destination")),
            at,
            at,
        )
        begun = self._begin(to_station)
        if entry.kind == "refused":
            self._add(to_station, at, {}, failed=1)
        else:
            self._add(to_station, at, {_text(body.get("sop_class")): 1})
        return begun

    def _begin(self, transfer: Transfer) -> list[Happening]:
        there = self.under_way.get(transfer.key, transfer)
        if there.is_begun:
            return []
        self.under_way[transfer.key] = replace(there, is_begun=True)
        return [Happening("begin", transfer.first_at, "", transfer.link, {}, transfer)]

    def _add(
        self,
        come: Transfer,
        at: float,
        classes: Mapping[str, int],
        *,
        again: int = 0,
        failed: int = 0,
    ) -> None:
        there = self.under_way.get(come.key, come)
        counted = dict(there.classes)
        for uid, count in classes.items():
            counted[uid] = counted.get(uid, 0) + count
        self.under_way[come.key] = replace(
            there,
            first_at=at if there.is_empty else there.first_at,
            last_at=max(at, there.last_at),
            classes=counted,
            again=there.again + again,
            failed=there.failed + failed,
        )


def _is_of_instance(entry: Entry) -> bool:
    """Whether it is of a DICOM instance; a document of HL7 is none, and its entries say so."""
    return "document" not in entry.body


def _alert(entry: Entry, link: str, at: float) -> list[Happening]:
    if entry.kind == "configuration" and entry.body.get("unit") != _CONFIGURED_UNIT:
        return []
    details: dict[str, Detail] = {
        key: value if isinstance(value, int) else value[:_DETAIL_CHARACTERS]
        for key, value in entry.body.items()
        if isinstance(value, int | str)
    }
    if entry.kind in SECURITY:
        return [Happening("security", at, entry.kind, link, details)]
    if entry.kind in ACTIVITY:
        return [Happening("activity", at, entry.kind, link, details)]
    return []


def _link_of(chain: str) -> str:
    link = chain.partition("/")[2]
    return "" if link == "box" else link


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
