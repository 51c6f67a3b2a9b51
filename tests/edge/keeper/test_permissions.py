"""Who may ask for what: both halves of the table."""

from __future__ import annotations

import pytest

from bocage_contract.ledger import draft
from bocage_edge.keeper.permissions import KINDS, OPERATIONS, PURPOSES, may_ask, may_write
from bocage_edge.units import ADMINISTRATOR, UNITS

WRITES = {
    "opened": {"deliver"},
    "delivered": {"deliver"},
    "transcoded": {"deliver"},
    "coerced": {"deliver"},
    "stored": {"relay"},
    "sent": {"relay"},
    "received": {"receive"},
    "association_refused": {"receive"},
    "unlocked": {"deliver"},
    "partner_confirmed": set[str](),
    "partner_fork": set[str](),
}
ASKS = {
    "sign": {"relay"},
    "commit": {"relay"},
    "accept_partner": {"relay"},
    "set_aside_partner": {"relay"},
    "link_key": {"receive", "deliver"},
    "append": {"receive", "relay", "deliver", "link"},
    "head": {"relay", "deliver", "agent"},
    "entries": {"relay", "deliver", "agent"},
    "partner_entries": {"relay"},
    "pin": set[str](),
}
EVERYBODY = [unit.name for unit in UNITS]


@pytest.mark.parametrize("kind", WRITES)
def test_each_kind_is_written_by_its_units_and_no_other(kind: str) -> None:
    entry = draft(kind, 1.0)
    assert {unit for unit in EVERYBODY if may_write(unit, entry)} == WRITES[kind]


@pytest.mark.parametrize("operation", ASKS)
def test_each_operation_is_for_its_units_and_no_other(operation: str) -> None:
    assert {unit for unit in EVERYBODY if may_ask(unit, operation)} == ASKS[operation]


def test_receive_refuses_at_the_door_but_never_an_object() -> None:
    assert may_write("receive", draft("refused", 1.0, scope="instance"))
    assert not may_write("receive", draft("refused", 1.0, object="a" * 64))
    assert not may_write("receive", draft("refused", 1.0, objects=["a" * 64]))
    assert may_write("deliver", draft("refused", 1.0, object="a" * 64))


def test_a_stranger_may_nothing() -> None:
    assert not any(may_ask("desk", operation) for operation in ASKS)
    assert not any(may_write("desk", draft(kind, 1.0)) for kind in WRITES)


def test_the_administrator_may_what_any_unit_may() -> None:
    assert all(OPERATIONS[ADMINISTRATOR] >= each for each in OPERATIONS.values())
    assert all(KINDS[ADMINISTRATOR] >= each for each in KINDS.values())
    assert all(PURPOSES[ADMINISTRATOR] >= each for each in PURPOSES.values())
