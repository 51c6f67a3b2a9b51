from __future__ import annotations

from pathlib import Path

import pytest

from bocage_edge.agent.machine import look_at_machine


def test_this_machine_is_measured(tmp_path: Path) -> None:
    found = look_at_machine(tmp_path, tmp_path)
    assert 0 < found.memory_available_bytes <= found.memory_total_bytes
    assert 0 < found.disk_free_bytes <= found.disk_total_bytes
    assert (found.undervoltage, found.throttled, found.disk_life_used_percent) == (None,) * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0\n", (False, False)), ("50005", (True, True)), ("4", (False, True)), ("x", (None, None))],
)
def test_a_raspberry_pi_says_when_its_supply_is_weak(
    tmp_path: Path, text: str, expected: tuple[bool | None, bool | None]
) -> None:
    file = tmp_path / "devices/platform/soc/soc:firmware/get_throttled"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    found = look_at_machine(tmp_path, tmp_path)
    assert (found.undervoltage, found.throttled) == expected


@pytest.mark.parametrize(("text", "used"), [("0x01 0x03", 30), ("0x0b 0x01", 100), ("?", None)])
def test_a_card_says_how_much_of_its_life_is_used(
    tmp_path: Path, text: str, used: int | None
) -> None:
    file = tmp_path / "block/mmcblk0/device/life_time"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert look_at_machine(tmp_path, tmp_path).disk_life_used_percent == used
