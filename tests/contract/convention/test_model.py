"""A convention is read as it was written, and refused with all its faults at once."""

from __future__ import annotations

import pytest

from bocage_contract.convention.model import Convention
from bocage_contract.errors import MessageError

WRITTEN = {
    "id": "flers-thury",
    "version": 1,
    "link": "flers-thury",
    "requesting_site": "Hôpital de Flers",
    "reading_site": "Cabinet de Thury",
    "valid_from": "2026-01-01",
    "valid_until": "2026-12-31",
    "services": {"FLERS": {"class": "routine", "eligible": {"modalities": ["CR", "DX"]}}},
    "slots": [{"days": "mon-fri", "from": "08:30", "to": "10:00"}],
    "tariff": {"exam": {"CR": "12.50"}},
}


def test_it_is_written_back_as_it_was_read() -> None:
    convention = Convention.of(WRITTEN)
    assert Convention.of(convention.to_json()) == convention
    assert convention.to_json()["tariff"]["exam"] == {"CR": "12.50"}


def test_all_faults_are_named_at_once() -> None:
    wrong = {**WRITTEN, "version": 0, "slots": [{"days": "lun-ven", "from": "8h30", "to": "10:00"}]}
    with pytest.raises(MessageError) as caught:
        Convention.of(wrong)
    assert all(place in str(caught.value) for place in ("version", "slots.0.days", "slots.0.from"))


@pytest.mark.parametrize("days", ["mon-tue-wed", "mon-", "-mon", "mon,,tue", "mon,", ""])
def test_days_that_nobody_could_read_are_refused(days: str) -> None:
    slots = [{"days": days, "from": "08:30", "to": "10:00"}]
    with pytest.raises(MessageError, match=r"slots\.0\.days"):
        Convention.of({**WRITTEN, "slots": slots})


@pytest.mark.parametrize("country", ["XX", "FR-67", "fr"])
def test_a_country_whose_holidays_are_unknown_is_refused(country: str) -> None:
    with pytest.raises(MessageError, match="holidays"):
        Convention.of({**WRITTEN, "holidays": country})


def test_a_convention_that_ends_before_it_begins_is_none() -> None:
    with pytest.raises(MessageError, match="valid_until is before valid_from"):
        Convention.of({**WRITTEN, "valid_until": "2025-12-31"})
