"""The time of a laboratory: the machine's own, shifted and stretched by a small file.

A program reads it only where its command line names that file; no configuration and no environment
variable does. The clock that only goes on stays the machine's: what is measured stays true.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bocage_system.durable import read_limited

_LIMIT_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Shift:
    """At the machine's `real` time the laboratory shows `shown`, and goes on `rate` times as fast.

    Instants are Unix seconds.
    """

    real: float
    shown: float
    rate: float = 1.0

    def at(self, real: float) -> float:
        """Say what the laboratory shows at an instant of the machine."""
        return self.shown + (real - self.real) * self.rate


def write_shift(path: Path, shift: Shift) -> None:
    """Set a laboratory's clock; who reads it follows at the next look."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(asdict(shift)))
    temporary.chmod(0o644)
    temporary.replace(path)


class LabClock:
    """A laboratory's clocks, as its file says."""

    def __init__(self, path: Path) -> None:
        """Follow a file.

        Raises:
            OSError: it cannot be read.
            ValueError: it does not hold a shift.
        """
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._shift = Shift(0, 0)
        self.now()

    def now(self) -> float:
        """Unix seconds as the laboratory counts them."""
        state = self._path.stat()
        seen = (state.st_ino, state.st_mtime_ns)
        if seen != self._seen:
            self._shift = _read(self._path)
            self._seen = seen
        return self._shift.at(time.time())

    def monotonic(self) -> float:
        """Seconds since some moment, the machine's."""
        return time.monotonic()


def _read(path: Path) -> Shift:
    value = json.loads(read_limited(path, _LIMIT_BYTES))
    try:
        return Shift(float(value["real"]), float(value["shown"]), float(value["rate"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no laboratory clock") from error
