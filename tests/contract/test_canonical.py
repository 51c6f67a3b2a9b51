"""One spelling for each JSON value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.canonical import canonical_json, parse_canonical
from bocage_contract.errors import MessageError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_a_value_survives_its_spelling(value: object) -> None:
    """Writing and reading give the same value and the same bytes."""
    raw = canonical_json(value)
    assert parse_canonical(raw) == value
    assert canonical_json(parse_canonical(raw)) == raw


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    """Two boxes that built the object in another order write the same bytes."""
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b"[1.0]",
        b"[1e3]",
        b"[NaN]",
        b'"\\u0041"',
        b"{} ",
        b"",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_another_spelling_is_refused(raw: bytes) -> None:
    """Spaces, doubled keys, floats and nonsense are no canonical JSON."""
    with pytest.raises(MessageError):
        parse_canonical(raw)


@pytest.mark.parametrize("value", [1.5, {1: 2}, {"a": {"b": 0.0}}, [b"x"], {"s": {1, 2}}])
def test_what_has_two_spellings_is_not_written(value: object) -> None:
    """Floats, odd keys and foreign types never reach a signature."""
    with pytest.raises(MessageError):
        canonical_json(value)


def test_the_spelling_is_what_other_programs_write_too() -> None:
    """Nothing in it needs our code to read."""
    assert json.loads(canonical_json({"é": [1, None, True]})) == {"é": [1, None, True]}
