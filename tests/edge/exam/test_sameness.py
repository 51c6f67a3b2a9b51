"""The same instance again, other content under its UID, or a new one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bocage_edge.exam.sameness import Different, Same, compare


@dataclass(frozen=True, slots=True)
class Held:
    """An instance we hold."""

    digest: str
    content_digest: str | None


A = Held("a", "content-1")
B = Held("b", "content-2")
UNREAD = Held("u", None)


@pytest.mark.parametrize(
    ("digest", "content", "known", "expected"),
    [
        ("x", None, [], Different.NEW),
        ("a", None, [A], Same(A)),
        ("a", "content-1", [A], Same(A)),
        ("x", "content-1", [A], Same(A)),
        ("x", "content-9", [A], Different.CHANGED),
        ("x", None, [A], Different.CHANGED),
        ("x", None, [UNREAD], Different.CHANGED),
        ("x", "content-1", [UNREAD], Different.CHANGED),
        ("u", "content-1", [A, UNREAD], Same(UNREAD)),
        ("x", "content-2", [A, B], Same(B)),
    ],
)
def test_sameness(
    digest: str, content: str | None, known: list[Held], expected: Same[Held] | Different
) -> None:
    """Equal bytes first, then equal content; an unknown content is the same as nothing."""
    assert compare(digest, content, known) == expected
