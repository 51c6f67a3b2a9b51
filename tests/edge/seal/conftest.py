"""One codec pool for all tests here: starting a worker takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bocage_edge.seal.pool import CodecPool


@pytest.fixture(scope="session")
def pool() -> Iterator[CodecPool]:
    """Give a pool of two workers."""
    with CodecPool(2) as made:
        yield made
