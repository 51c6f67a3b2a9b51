"""What is worth an audit message, before it is one. Pure.

It holds what the ledger holds and no more, so it may wait in the index: a patient's name comes in
when the message is written, out of what is sealed to this box.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

Detail = str | int


class Way(StrEnum):
    """Which transfer of instances it is."""

    TAKEN = "taken"  # from a device of the site, by this box
    SENT = "sent"  # from this box to the partner's
    DELIVERED = "delivered"  # from this box to a station of the site


@dataclass(frozen=True, slots=True)
class Transfer:
    """Instances of one exam on one way, as far as they have come.

    Args:
        source: calling AE title where they were taken; empty: this box.
        destination: service, or name of the destination; empty: the partner's box.
        first_at, last_at: Unix seconds.
        classes: instances by SOP class UID; "" where the ledger does not name it.
        again: of these, instances that had been taken before.
        failed: instances that the station refused for good.
        is_begun: its begin was told.
    """

    way: Way
    link: str
    exam_id: str
    source: str
    destination: str
    first_at: float
    last_at: float
    classes: Mapping[str, int] = field(default_factory=dict)
    again: int = 0
    failed: int = 0
    is_begun: bool = False

    @property
    def key(self) -> str:
        """Name it among those under way."""
        return "/".join((self.way, self.link, self.exam_id, self.source, self.destination))

    @property
    def instances(self) -> int:
        """How many came through."""
        return sum(self.classes.values())

    @property
    def is_empty(self) -> bool:
        """Whether it has brought nothing yet."""
        return not self.instances and not self.failed


@dataclass(frozen=True, slots=True)
class Happening:
    """One message to be.

    Args:
        event: as `contract/audit.py` names it.
        at: Unix seconds.
        kind: of the ledger entry it comes from; empty for transfers.
        link: "" where it concerns no link.
    """

    event: str
    at: float
    kind: str = ""
    link: str = ""
    details: Mapping[str, Detail] = field(default_factory=dict)
    transfer: Transfer | None = None

    @property
    def needs_key(self) -> bool:
        """Whether who it is of can be said by an unlocked box only."""
        return self.transfer is not None


def write_transfer(transfer: Transfer) -> str:
    """Write a transfer under way for the index."""
    return json.dumps(asdict(transfer), sort_keys=True)


def read_transfer(text: str) -> Transfer:
    """Read what `write_transfer` wrote.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    return _transfer(json.loads(text))


def write_happening(happening: Happening) -> str:
    """Write a happening for the index."""
    return json.dumps(asdict(happening), sort_keys=True)


def read_happening(text: str) -> Happening:
    """Read what `write_happening` wrote.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    value = json.loads(text)
    carried = value.pop("transfer")
    return Happening(**value, transfer=None if carried is None else _transfer(carried))


def _transfer(value: dict[str, Any]) -> Transfer:
    return Transfer(way=Way(value.pop("way")), **value)
