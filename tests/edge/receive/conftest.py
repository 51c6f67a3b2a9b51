"""What the tests of receive share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.site import Site, quiet_logs


@pytest.fixture(autouse=True)
def _quiet() -> None:
    quiet_logs()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A listening box."""
    with Site(tmp_path) as listening:
        yield listening
