"""A spool for each test; whatever a test did to it, it must verify at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_edge.spool.store import Spool
from tests.edge.spool.making import assert_clean, open_spool
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """The spool's clock."""
    return FakeClock()


@pytest.fixture
def spool(tmp_path: Path, clock: FakeClock) -> Iterator[Spool]:
    """An empty spool."""
    opened = open_spool(tmp_path, clock)
    yield opened
    assert_clean(opened)
    opened.close()
