"""The clock's rounds: judged every time, lifted at most once a boot, saved every minute.

The margin above the saved floor stands for what a power cut took away. It counts for the first
round of a boot only: later the clock has its own past, and a restart of this unit is no power cut.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bocage_edge.link.clock import (
    SAVE_INTERVAL_S,
    ClockDoor,
    ClockState,
    bounds,
    floor_to_save,
    read_built_at,
    read_floor,
    state_of,
    write_floor,
)


class ClockWatch:
    """What one link unit does about the clock."""

    def __init__(
        self,
        floor_file: Path,
        boot_mark: Path,
        *,
        door: ClockDoor,
        is_time_attested: Callable[[], bool],
    ) -> None:
        """Take the places and the acts.

        Args:
            boot_mark: a file in memory: there from this boot's first round on.
        """
        self._floor_file = floor_file
        self._boot_mark = boot_mark
        self._door = door
        self._is_time_attested = is_time_attested
        self._saved_at: float | None = None

    def step(self, *, issued_at: int, now: float, ticks: float) -> tuple[dict[str, Any], list[str]]:
        """Do one round and give the clock's status and faults.

        Args:
            issued_at: of the configuration in force; 0 where there is none.
            now: Unix seconds.
            ticks: monotonic seconds.
        """
        saved = read_floor(self._floor_file)
        is_attested = self._is_time_attested()
        is_boot = not self._boot_mark.exists()
        limits = bounds(read_built_at(), saved, issued_at, is_boot=is_boot and not is_attested)
        state = state_of(now, limits, is_attested=is_attested)
        faults = []
        try:
            if state is ClockState.BELOW_FLOOR:
                self._door.put(limits.floor)
            if is_boot:
                self._boot_mark.touch(mode=0o600)
            self._save(floor_to_save(now, saved, state), ticks)
        except OSError as error:
            faults.append(f"clock: {error}")
        if state in (ClockState.BELOW_FLOOR, ClockState.BEYOND_CEILING):
            faults.append(f"the clock is {state}")
        status = {
            "state": state.value,
            "floor": limits.floor,
            "ceiling": limits.ceiling,
            "may_be_set": self._door.is_open,
        }
        return status, faults

    def _save(self, floor: int | None, ticks: float) -> None:
        is_time = self._saved_at is None or ticks - self._saved_at >= SAVE_INTERVAL_S
        if floor is not None and is_time:
            write_floor(self._floor_file, floor)
            self._saved_at = ticks
