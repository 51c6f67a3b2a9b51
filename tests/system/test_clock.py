"""The machine's clocks."""

from __future__ import annotations

from bocage_system.clock import SystemClock
from tests.fakes.clock import FakeClock


def test_the_machine_and_its_twin_have_the_same_clocks() -> None:
    """One that may jump and one that only goes on."""
    real, fake = SystemClock(), FakeClock(now=100.0)
    assert real.monotonic() <= real.monotonic()
    assert real.now() > 1_700_000_000
    before = fake.monotonic()
    fake.jump(-50)
    assert (fake.now(), fake.monotonic()) == (50.0, before)
    fake.advance(1)
    assert (fake.now(), fake.monotonic()) == (51.0, before + 1)
