"""One frame of each type, and strategies that make any."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from bocage_edge.relay.frames import (
    CLASSES,
    KINDS,
    LARGEST_OBJECT_BYTES,
    LONGEST_RETRY_S,
    REFUSAL_NUMBERS,
    STORED,
    Accept,
    Cancel,
    Commit,
    Data,
    End,
    Entries,
    ErrorFrame,
    Frame,
    Have,
    Head,
    Offer,
    Ping,
    Pong,
    Pull,
    Raise,
    Refuse,
)
from bocage_edge.relay.wire import PUSH_LIMIT_BYTES

NAME = "ab" * 32
SIGNATURE = bytes(range(64))


def offer(stream: int = 1, name: str = NAME, size_bytes: int = 10, klass: str = "routine") -> Offer:
    """Make an offer."""
    return Offer(stream, name, size_bytes, klass, "instance", "1" * 32, "2" * 32, "3" * 64, 0)


def push(stream: int = 1, name: str = NAME, size_bytes: int = 10, klass: str = "routine") -> Offer:
    """Make an offer whose bytes follow at once."""
    return replace(offer(stream, name, size_bytes, klass), is_pushed=True)


def commit(*names: str, number: int = 1) -> Commit:
    """Make a commit; its signature is no real one."""
    return Commit(1, number, tuple((name, STORED) for name in names or (NAME,)), SIGNATURE)


def name_of(number: int) -> str:
    """Make the name of an object."""
    return f"{number:064x}"


_u32 = st.integers(0, (1 << 32) - 1)
_u53 = st.integers(0, (1 << 53) - 1)
_u64 = st.integers(0, (1 << 64) - 1)
_text = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40)


def _hex(count: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=count, max_size=count).map(bytes.hex)


FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(
        Offer,
        _u32,
        _hex(32),
        st.integers(1, LARGEST_OBJECT_BYTES),
        st.sampled_from(CLASSES),
        st.sampled_from(KINDS),
        _hex(16),
        _hex(16),
        _hex(32),
        st.integers(0, (1 << 53) - 1),
    ),
    st.builds(
        Data,
        _u32,
        st.integers(0, LARGEST_OBJECT_BYTES),
        st.binary(min_size=1, max_size=300).map(memoryview),
    ),
    st.builds(End, _u32),
    st.builds(
        Offer,
        _u32,
        _hex(32),
        st.integers(1, PUSH_LIMIT_BYTES),
        st.sampled_from(CLASSES),
        st.sampled_from(KINDS),
        _hex(16),
        _hex(16),
        _hex(32),
        st.integers(0, (1 << 53) - 1),
        st.just(value=True),
    ),
    st.builds(Cancel, _u32),
    st.builds(Raise, _u32, st.sampled_from(CLASSES)),
    st.builds(Accept, _u32, _u64),
    st.builds(Have, _u32),
    st.builds(
        Refuse, _u32, st.sampled_from(list(REFUSAL_NUMBERS)), st.integers(0, LONGEST_RETRY_S), _text
    ),
    st.builds(
        Commit,
        _u64,
        _u64,
        st.lists(st.tuples(_hex(32), st.just(STORED)), min_size=1, max_size=5).map(tuple),
        st.binary(min_size=64, max_size=64),
    ),
    st.builds(Pull, _u53, st.integers(1, 250), st.integers(0, 1)),
    st.builds(
        Entries,
        _u53,
        st.lists(st.binary(max_size=50), max_size=5).map(tuple),
        st.booleans(),
        st.binary(max_size=50),
        st.integers(0, 1),
    ),
    st.builds(Head, _u53),
    st.builds(Ping, _u64),
    st.builds(Pong, _u64),
    st.builds(ErrorFrame, st.integers(0, 65535), _text),
)
