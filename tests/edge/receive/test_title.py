"""AE titles as sent: what is a title, and what may be shown of one that is not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.ledger import draft
from bocage_edge.receive.title import read_title, shown_title


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (b"CR1             ", "CR1"),
        (b"   CR1          ", "CR1"),
        (b"CR1\0\0\0\0\0\0\0\0\0\0\0\0\0", "CR1"),
        (b"SALLE 2         ", "SALLE 2"),
        (b"ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOP"),
        (b"                ", None),
        (b"\0" * 16, None),
        (b"RADIO_\xc9        ", None),
        (b"CR1\r\nadmin     ", None),
        (b"A\\B             ", None),
        (b"$(reboot)       ", None),
    ],
)
def test_reading(raw: bytes, title: str | None) -> None:
    """Leading and trailing spaces do not count; any character a title can't have spoils it."""
    assert read_title(raw) == title


@given(st.binary(min_size=0, max_size=20))
def test_whatever_was_sent_may_be_logged_and_entered(raw: bytes) -> None:
    """One line, plain ASCII, within the ledger's alphabet."""
    shown = shown_title(raw)
    assert shown.isascii()
    assert shown.isprintable()
    assert 1 <= len(shown) <= 16
    assert json.dumps(shown) == f'"{shown}"'
    draft("association_refused", 1.0, calling=shown)


@given(st.binary(min_size=16, max_size=16))
def test_what_is_no_title_never_looks_like_one(raw: bytes) -> None:
    """So a log can't be made to show a modality that did not call."""
    if read_title(raw) is None:
        assert read_title(shown_title(raw).encode()) is None
