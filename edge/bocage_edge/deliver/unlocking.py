"""The opening key while the box is unlocked: a file in memory that deliver reads and nobody keeps.

Absent means locked: deliveries wait, everything else goes on. After a rotation the file holds
several keys, one a line, so that what was sealed to an older one still opens.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bocage_system.durable import read_limited, write_atomic
from bocage_system.mounts import is_in_memory

MAX_FILE_BYTES = 64 * 1024
SECRET_PREFIX = "AGE-SECRET-KEY-1"  # noqa: S105 - the public prefix of such keys


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The keys at hand; never shown."""

    identities: tuple[str, ...]

    def __repr__(self) -> str:
        """Say how many there are."""
        return f"Unlocked({len(self.identities)} keys)"


@dataclass(frozen=True, slots=True)
class Locked:
    """Why nothing can be opened, in words for an operator."""

    reason: str


def read_opening_keys(path: Path) -> Unlocked | Locked:
    """Read the opening keys, if they lie where a power cut forgets them.

    A key on a disk would survive the theft of the box, so one that lies there is not used, and
    the reason says so.
    """
    try:
        if not is_in_memory(path.parent):
            return Locked("the folder of the opening key is not in memory (tmpfs)")
        if os.stat(path).st_mode & 0o007:
            return Locked("the opening key is open to every user of the box")
        text = read_limited(path, MAX_FILE_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        return Locked("the box is locked: deliveries wait until somebody unlocks it")
    except (OSError, ValueError) as error:
        return Locked(f"the opening key cannot be read ({type(error).__name__})")
    keys = tuple(line.strip() for line in text.splitlines() if line.startswith(SECRET_PREFIX))
    return Unlocked(keys) if keys else Locked("the file of the opening key holds none")


def keep_opening_key(path: Path, secret: str) -> None:
    """Put a key beside those that lie in memory already.

    Raises:
        OSError: the folder is not there, or not ours.
    """
    there = read_opening_keys(path)
    known = there.identities if isinstance(there, Unlocked) else ()
    lines = "".join(f"{each}\n" for each in dict.fromkeys((*known, secret)))
    write_atomic(path, lines.encode(), mode=0o600)
