"""Which presentation contexts are proposed and used."""

from __future__ import annotations

from bocage_edge.deliver.contexts import FALLBACKS, MAX_CONTEXTS, choose, propose
from bocage_edge.deliver.scu import Context
from bocage_edge.seal.syntax import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    JPEG_2000_LOSSLESS,
    RLE_LOSSLESS,
)
from tests.edge.deliver.station import CR, CT

OWN = Context(CR, "1.2.840.10008.1.2.4.91")


def test_each_class_and_syntax_has_a_context_of_its_own() -> None:
    proposed = propose(OWN)
    assert len(set(proposed)) == len(proposed) == 2 + len(FALLBACKS)
    assert proposed[1] == OWN


def test_there_are_never_more_than_the_standard_allows_and_the_needed_ones_are_there() -> None:
    remembered = [Context(f"1.2.{number}", EXPLICIT_LITTLE) for number in range(100)]
    proposed = propose(OWN, remembered)
    assert 120 < len(proposed) <= MAX_CONTEXTS
    assert OWN in proposed
    assert Context("1.2.0", EXPLICIT_LITTLE) in proposed
    assert Context("1.2.99", EXPLICIT_LITTLE) not in proposed


def test_remembered_pairs_are_not_proposed_twice() -> None:
    proposed = propose(OWN, [OWN, Context(CT, EXPLICIT_LITTLE), Context(CT, EXPLICIT_LITTLE)])
    assert len(set(proposed)) == len(proposed)


def test_its_own_syntax_is_preferred() -> None:
    assert choose(OWN, lambda context: True) == OWN


def test_otherwise_the_first_fallback_the_station_takes() -> None:
    taken = {IMPLICIT_LITTLE, JPEG_2000_LOSSLESS, RLE_LOSSLESS}
    chosen = choose(OWN, lambda context: context.transfer_syntax in taken)
    assert chosen == Context(CR, IMPLICIT_LITTLE)


def test_nothing_where_it_takes_nothing() -> None:
    assert choose(OWN, lambda context: False) is None
