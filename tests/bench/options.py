"""What a person asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `./run bench`.

    Args:
        runs: of each measurement; the median counts.
        lines: names of `LINES`.
        sets: empty: those the bench is made of.
        peers: empty: all of them.
        limit: a peer is stopped when it has taken this many times as long as Bocage; 0: never.
        name: of the laboratory.
    """

    runs: int
    lines: tuple[str, ...]
    sets: tuple[str, ...]
    peers: tuple[str, ...]
    limit: float
    name: str
