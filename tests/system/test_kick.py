"""The doorbell."""

from __future__ import annotations

from pathlib import Path

from bocage_system.kick import Kick, ring


def test_a_ring_wakes_and_many_count_as_one(tmp_path: Path) -> None:
    """It only says: look again."""
    with Kick(tmp_path / "relay") as bell:
        assert not bell.wait(0)
        for _ in range(5):
            ring(bell.path)
        assert bell.wait(5)
        assert not bell.wait(0)


def test_ringing_where_nobody_is_harms_nobody(tmp_path: Path) -> None:
    """The other process may be starting again."""
    ring(tmp_path / "nobody")
    Kick(tmp_path / "gone")._socket.close()
    ring(tmp_path / "gone")


def test_a_full_bell_does_not_hold_up_whoever_rings(tmp_path: Path) -> None:
    """A process that hangs is not a reason to hang too."""
    with Kick(tmp_path / "relay") as bell:
        for _ in range(5000):
            ring(bell.path)
        assert bell.wait(0)


def test_a_bell_left_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    """The path is taken over at the next start."""
    first = Kick(tmp_path / "relay")
    with Kick(tmp_path / "relay") as second:
        ring(second.path)
        assert second.wait(5)
        assert not first.wait(0)
    first.close()
