"""A patient's consent is known as the two sites agreed, and a strange text is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.convention.consent import CONSENT_ATTRIBUTES, declares, known_attribute
from bocage_contract.convention.eligibility import Eligible, NotEligible, Place, Reason, place
from bocage_contract.convention.eligibility import is_eligible as judged
from bocage_contract.convention.model import Convention
from tests.contract.convention.test_eligibility import BEFORE, agreed
from tests.contract.convention.test_model import WRITTEN

ATTRIBUTE = {"how": "attribute", "keyword": "PatientComments", "value": "CONSENT YES"}


@pytest.mark.parametrize(
    ("found", "said", "is_declared"),
    [
        ("OUI", ["OUI"], True),
        (" oui \0", ["OUI"], True),
        ("NON\\OUI", ["OUI"], True),  # one of several values
        ("OUI", ["YES", "OUI"], True),
        ("OUI PEUT-ETRE", ["OUI"], False),
        ("NON", ["OUI"], False),
        ("", ["OUI"], False),
        ("", [], False),
        (" \\ ", [], False),
        ("anything", [], True),
        ("Consentement  recueilli", ["consentement recueilli"], True),
    ],
)
def test_what_declares_it(found: str, said: list[str], is_declared: bool) -> None:
    assert declares(found, said) is is_declared


@given(st.text(), st.sets(st.text(min_size=1), min_size=1))
def test_nothing_else_than_what_was_agreed_counts(found: str, said: set[str]) -> None:
    if declares(found, said):
        assert any(declares(part, {one}) for part in found.split("\\") for one in said)


def decided(service: str, consent: str | None, **terms: Any) -> Eligible | NotEligible:
    """Judge a CR that comes with a text in the attribute."""
    where = place([agreed(consent={**ATTRIBUTE, **terms})], service, BEFORE)
    assert isinstance(where, Place)
    return judged(where, "CR", consent=consent)


@pytest.mark.parametrize("service", ["FLERS", "FLERS_URG"])
@pytest.mark.parametrize("found", [None, "", "CONSENT NO"])
def test_an_exam_without_it_may_not_travel(service: str, found: str | None) -> None:
    refused = decided(service, found)
    assert isinstance(refused, NotEligible)
    assert refused.reason is Reason.CONSENT_MISSING


def test_with_it_any_agreed_value_passes_and_a_prior_needs_none() -> None:
    assert isinstance(decided("FLERS", "consent yes"), Eligible)
    assert isinstance(decided("FLERS", "OUI", values=["OUI"]), Eligible)
    assert isinstance(decided("FLERS_OLD", None), Eligible)


def test_declared_by_sending_is_the_rule_where_nothing_is_said() -> None:
    where = place([agreed()], "FLERS", BEFORE)
    assert isinstance(where, Place)
    assert isinstance(judged(where, "CR"), Eligible)


def test_attributes_are_of_the_dictionary_and_others_are_refused() -> None:
    assert known_attribute("PatientComments") == "PatientComments"
    with pytest.raises(ValueError, match="PatientComments"):
        known_attribute("PatientName")
    assert all(0x00080000 <= tag < 0x7FE00000 for tag in CONSENT_ATTRIBUTES.values())


def test_a_convention_from_before_is_written_back_as_it_stood() -> None:
    """Or its approvals would be of other words."""
    before = {"how": "attribute", "keyword": "PatientComments", "value": "OUI"}
    assert Convention.of({**WRITTEN, "consent": before}).to_json()["consent"] == before
