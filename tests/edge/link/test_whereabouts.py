"""Where a partner that calls us was heard from last."""

from __future__ import annotations

from pathlib import Path

import pytest

from bocage_edge.link.whereabouts import Whereabouts


def test_what_was_noted_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "whereabouts.json"
    noted = Whereabouts(path)
    noted.note("a", "203.0.113.5:4000")
    noted.note("b", "[2001:db8::1]:51820")
    noted.note("a", "203.0.113.6:4000")
    again = Whereabouts(path)
    assert again.of("a") == "203.0.113.6:4000"
    assert again.of("b") == "[2001:db8::1]:51820"
    assert again.of("c") is None


def test_the_file_is_left_alone_while_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "whereabouts.json"
    noted = Whereabouts(path)
    noted.note("a", "203.0.113.5:4000")
    path.unlink()
    noted.note("a", "203.0.113.5:4000")
    assert not path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"a": "caen.example:1"}', b'{"a": "-x:1"}', b'{"a": 5}']
)
def test_a_damaged_file_means_nothing_is_known(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "whereabouts.json"
    path.write_bytes(content)
    assert Whereabouts(path).of("a") is None
