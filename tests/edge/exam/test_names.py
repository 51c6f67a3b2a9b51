"""Identities as keyed hashes."""

from __future__ import annotations

import pytest

from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.names import names_of, plain_name

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lefèvre^Éloïse", "LEFEVRE^ELOISE"),
        ("D'Aboville^Jean-Marc^^", "d aboville^jean marc"),
        ("Yamada^Tarou=山田^太郎", "YAMADA^TAROU"),
    ],
)
def test_a_name_is_compared_without_what_systems_write_differently(one: str, other: str) -> None:
    """Accents, case, punctuation, further scripts."""
    assert plain_name(one) == plain_name(other)


def test_nothing_in_the_plain_is_left() -> None:
    """Nor the same hash for the same text in two places."""
    names = names_of(
        KEY, Identities("1.2", (Issued("77"),), ("77",), (Issued("77", "H"),), ("77",))
    )
    hashes = [hashed for _, hashed in names.rows()]
    assert len(set(hashes)) == len(hashes) == 4
    assert all(len(hashed) == 32 and int(hashed, 16) for hashed in hashes)


def test_an_id_that_nobody_issued_is_no_name() -> None:
    """It would prove nothing."""
    assert not names_of(KEY, Identities(patients=(Issued("77"),))).patients


def test_a_short_key_is_refused() -> None:
    """It keeps nothing secret."""
    with pytest.raises(ValueError, match="too short"):
        names_of(b"short", Identities())
