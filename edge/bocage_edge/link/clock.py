"""The clock of a box that may have no battery: a floor, a ceiling, and one guarded act.

A power cut puts such a clock back. WireGuard refuses a handshake older than the last one the
partner saw, so the clock is lifted above everything it has surely been before. A clock pushed far
ahead is as bad: it would burn the tunnel key for years. So only time that somebody attested is
saved, never time beyond the ceiling, and what is saved never sinks.

The rules are pure. Setting the clock is behind `ClockDoor`; the laboratory, where all boxes share
the kernel's clock, keeps it shut.

Source: design, section 7; WireGuard paper, section 5.4.2 (TAI64N).
"""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from bocage_system.durable import read_limited, write_atomic

FLOOR_MARGIN_S = 120  # the floor is saved every minute; what came after the last save fits in here
SAVE_INTERVAL_S = 60.0
LONGEST_LIFE_S = 10 * 365 * 86400  # a clock this far beyond the newest signed word is not believed
DOOR_VARIABLE = "BOCAGE_CLOCK"
OPEN = "set"
# The image recipe touches it; systemd lifts the clock to it as well. Source: systemd, CLOCK_EPOCH.
BUILT_AT_FILE = Path("/usr/lib/clock-epoch")

_FLOOR_LIMIT_BYTES = 64


class ClockState(StrEnum):
    """How the clock stands to its bounds."""

    ATTESTED = "attested"
    PLAUSIBLE = "plausible"  # within bounds, but nobody vouches for it now
    BELOW_FLOOR = "below floor"
    BEYOND_CEILING = "beyond ceiling"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The earliest and the latest time that can be true, in Unix seconds."""

    floor: int
    ceiling: int


def bounds(image_built_at: int, saved_floor: int, issued_at: int, *, is_boot: bool) -> Bounds:
    """Work out what the clock can be at the earliest and at the latest.

    Args:
        image_built_at: when the box's system was built, Unix seconds.
        saved_floor: the last attested time that was saved; 0 where none was.
        issued_at: of the newest signed configuration; 0 where there is none.
        is_boot: the clock has not run under our eyes since the floor was saved.
    """
    lifted = saved_floor + FLOOR_MARGIN_S if saved_floor and is_boot else saved_floor
    newest = max(image_built_at, issued_at)
    floor = max(newest, lifted)
    # A floor is attested time: the ceiling never sinks below it.
    return Bounds(floor, max(newest + LONGEST_LIFE_S, floor))


def state_of(now: float, limits: Bounds, *, is_attested: bool) -> ClockState:
    """Judge the clock."""
    if now < limits.floor:
        return ClockState.BELOW_FLOOR
    if now > limits.ceiling:
        return ClockState.BEYOND_CEILING
    return ClockState.ATTESTED if is_attested else ClockState.PLAUSIBLE


def floor_to_save(now: float, saved_floor: int, state: ClockState) -> int | None:
    """Give the floor to save now, or None: only attested time, and never a lower one."""
    if state is not ClockState.ATTESTED or int(now) <= saved_floor:
        return None
    return int(now)


def read_built_at(path: Path = BUILT_AT_FILE) -> int:
    """Give when the box's image was built, Unix seconds; 0 on a machine without the mark."""
    try:
        return int(path.stat().st_mtime)
    except FileNotFoundError:
        return 0


def read_floor(path: Path) -> int:
    """Give the saved floor; 0 where there is none or it is unreadable.

    A floor lost is no harm: the image and the configuration still give one.
    """
    try:
        return max(int(read_limited(path, _FLOOR_LIMIT_BYTES)), 0)
    except (OSError, ValueError):
        return 0


def write_floor(path: Path, floor: int) -> None:
    """Save the floor.

    Raises:
        OSError: the disk refused; the old floor stands.
    """
    write_atomic(path, f"{floor}\n".encode(), mode=0o600)


class ClockDoor(Protocol):
    """The act of setting the host's clock, and whether it is to be had."""

    @property
    def is_open(self) -> bool:
        """Say whether `put` does anything."""

    def put(self, at: float) -> None:
        """Set the clock to a time in Unix seconds.

        Raises:
            OSError: the kernel refused.
        """


class OpenDoor:
    """Sets the clock of this machine; needs CAP_SYS_TIME."""

    is_open = True

    def put(self, at: float) -> None:
        """Set the clock; see `ClockDoor.put`."""
        time.clock_settime(time.CLOCK_REALTIME, at)


class ShutDoor:
    """Leaves the clock alone."""

    is_open = False

    def put(self, at: float) -> None:
        """Do nothing; the state of the clock is reported all the same."""


def clock_door() -> ClockDoor:
    """Give the door the unit file asks for: open only with BOCAGE_CLOCK=set."""
    return OpenDoor() if os.environ.get(DOOR_VARIABLE) == OPEN else ShutDoor()


def is_kernel_clock_synchronised() -> bool:
    """Ask the kernel whether an NTP client holds its clock.

    Source: adjtimex(2): it returns TIME_ERROR (5) while STA_UNSYNC is set.
    """
    time_error = 5
    # struct timex is 208 bytes on 64-bit Linux; modes = 0 (its first field) asks and sets nothing.
    request = ctypes.create_string_buffer(256)
    answer = int(ctypes.CDLL(None, use_errno=True).adjtimex(request))
    return 0 <= answer < time_error
