"""The door to the hardware: psutil, and what a Raspberry Pi says beyond it.

Source: psutil; raspberrypi firmware, get_throttled (bit 0 undervoltage, bit 2 throttled), as the
kernel shows it at /sys/devices/platform/soc/soc:firmware/get_throttled; JESD84-B51 for the life of
an eMMC (DEVICE_LIFE_TIME_EST, steps of 10 %).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from bocage_contract.fleet.health import Machine

SYSFS = Path("/sys")
_THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
_UNDERVOLTAGE_BIT, _THROTTLED_BIT = 0x1, 0x4
_LIFE = "block/mmcblk*/device/life_time"
_LIFE_STEP_PERCENT = 10


def look_at_machine(disk: Path, sysfs: Path = SYSFS) -> Machine:
    """Measure the machine; what it does not tell is None.

    Args:
        disk: a folder on the disk that is told of.

    Raises:
        OSError: the folder is not there.
    """
    memory, room, network = psutil.virtual_memory(), psutil.disk_usage(str(disk)), _network()
    bits = _throttled(sysfs)
    return Machine(
        uptime_s=max(0, int(time.time() - psutil.boot_time())),
        cpu_percent=min(100, round(psutil.cpu_percent())),
        load_1_hundredths=round(psutil.getloadavg()[0] * 100),
        memory_total_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_total_bytes=room.total,
        disk_free_bytes=room.free,
        temperature_tenths=_temperature(psutil.sensors_temperatures()),
        disk_life_used_percent=_life_used(sysfs),
        undervoltage=None if bits is None else bool(bits & _UNDERVOLTAGE_BIT),
        throttled=None if bits is None else bool(bits & _THROTTLED_BIT),
        network_received_bytes=network[0],
        network_sent_bytes=network[1],
    )


def _network() -> tuple[int, int]:
    counters = psutil.net_io_counters(pernic=True)
    outer = [each for name, each in counters.items() if name != "lo"]
    return sum(each.bytes_recv for each in outer), sum(each.bytes_sent for each in outer)


def _temperature(sensors: Mapping[str, list[object]]) -> int | None:
    """Give the hottest sensor, in tenths of a degree."""
    found = [getattr(each, "current", None) for group in sensors.values() for each in group]
    tenths = [round(each * 10) for each in found if isinstance(each, int | float)]
    sane = [each for each in tenths if -1000 <= each <= 2000]
    return max(sane, default=None)


def _throttled(sysfs: Path) -> int | None:
    try:
        return int((sysfs / _THROTTLED).read_text().strip(), 16)
    except (OSError, ValueError):
        return None


def _life_used(sysfs: Path) -> int | None:
    """Give the worst estimate of the cards here; 11 stands for "beyond its life"."""
    worst = None
    for path in sysfs.glob(_LIFE):
        try:
            steps = [int(word, 16) for word in path.read_text().split()]
        except (OSError, ValueError):
            continue
        used = min(100, max(steps, default=0) * _LIFE_STEP_PERCENT)
        worst = used if worst is None else max(worst, used)
    return worst
