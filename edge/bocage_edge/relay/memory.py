"""What relay must remember of a link over a reboot: small numbers, one file a link.

None of them guards an exam: objects and their states stand in the spool, entries in the ledger.
Lost, they cost the work of reading the partner's entries again (settling twice changes nothing).
"""

import json
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bocage_system.durable import read_limited, write_atomic

_LIMIT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class LinkMemory:
    """Numbers of one link.

    Args:
        epoch: ours; raised when the box finds itself behind its partner (`epochs`).
        partner_epoch: the highest the partner has proved.
        commit: last commit we signed; `partner_commit`: last of the partner's that held.
        partner_revision: of the partner's configuration.
        settled: last entry of the partner's chain whose verdicts are in our spool.
        goodput_bytes_s: how fast objects went lately (`goodput`); 0: not known.
        epoch_at, partner_epoch_at: Unix seconds at which this box, or the partner, began anew.
    """

    epoch: int = 1
    partner_epoch: int = 0
    commit: int = 0
    partner_commit: int = 0
    partner_revision: int = 0
    settled: int = 0
    epoch_at: int = 0
    partner_epoch_at: int = 0
    goodput_bytes_s: int = 0


class MemoryFile:
    """The memory of one link and its file. Safe to use from any thread."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a missing or damaged file means nothing is remembered."""
        self._path = path
        self._lock = threading.Lock()
        self.now = _read(path)

    def update(self, **numbers: int) -> None:
        """Replace numbers, durably.

        Raises:
            OSError: the medium refused.
        """
        # Both connections of the link write here: neither may take back what the other wrote.
        with self._lock:
            changed = replace(self.now, **numbers)
            if changed != self.now:
                write_atomic(self._path, json.dumps(asdict(changed)).encode(), mode=0o660)
                self.now = changed


def _read(path: Path) -> LinkMemory:
    try:
        value = json.loads(read_limited(path, _LIMIT_BYTES))
        known = {key: int(value[key]) for key in asdict(LinkMemory()) if key in value}
    except (FileNotFoundError, ValueError, TypeError):
        return LinkMemory()
    return LinkMemory(**known)
