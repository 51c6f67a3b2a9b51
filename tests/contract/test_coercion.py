"""Marks that tell two hospitals' numbers apart, and configurations that would mix them up."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.coercion import Coerce, Fed, collisions, is_oid
from bocage_contract.configuration import Desired
from bocage_contract.errors import MessageError
from tests.contract.keys import desired_document, identity

FLERS = {"patient_id_prefix": "FL-", "accession_prefix": "FL-"}
VIRE = {"patient_id_prefix": "VI-", "accession_prefix": "VI-"}


def practice(*coerce: dict[str, Any] | None) -> dict[str, Any]:
    """A practice that reads for so many hospitals, into one PACS."""
    document = desired_document(identity(1))
    (first,) = document["links"]
    document["links"] = []
    for number, each in enumerate(coerce):
        link = copy.deepcopy(first)
        link |= {"id": f"hospital-{number}", "role": "reading", "partner": f"hospital-{number}"}
        link["services"] = []
        link["tunnel"] |= {
            "address": f"fd00::{number}:1",
            "partner_address": f"fd00::{number}:2",
            "listen_port": 51820 + number,
        }
        link["deliver"] = [{"classes": None, "destinations": ["pacs"]}]
        if each is not None:
            link["coerce"] = each
        document["links"].append(link)
    return document


def test_one_link_needs_no_marks_and_may_have_them() -> None:
    assert Desired.of(practice(None)).links[0].coerce is None
    coerce = Desired.of(practice(FLERS)).links[0].coerce
    assert coerce is not None
    assert (coerce.patient_id_prefix, coerce.other_patient_ids) == ("FL-", True)


def test_two_links_into_one_station_need_marks() -> None:
    """Whatever the station is called; the sentence says what to write."""
    assert len(Desired.of(practice(FLERS, VIRE)).links) == 2
    with pytest.raises(MessageError) as caught:
        Desired.of(practice(FLERS, None))
    said = str(caught.value)
    assert "link hospital-1: links hospital-0, hospital-1 feed the station at 192.168.1.30" in said
    assert "patient_id_prefix" in said
    assert "accession_prefix" in said
    document = practice(None, None)
    document["destinations"].append(document["destinations"][0] | {"name": "same", "aet": "PACS2"})
    document["links"][1]["deliver"][0]["destinations"] = ["same"]
    with pytest.raises(MessageError, match="numbers of two hospitals become one"):
        Desired.of(document)


def test_two_links_into_one_ris_need_marks_as_well() -> None:
    """Requests bear the same numbers as their exams."""
    document = practice(None, None)
    ris = {"name": "ris", "kind": "hl7", "host": "192.168.1.31", "port": 2575}
    document["destinations"] = [ris]
    for link in document["links"]:
        link["deliver"][0]["destinations"] = ["ris"]
    with pytest.raises(MessageError, match=r"the station at 192\.168\.1\.31 port 2575"):
        Desired.of(document)


def test_links_into_stations_of_their_own_need_none() -> None:
    document = practice(None, None)
    document["destinations"].append(document["destinations"][0] | {"name": "two", "port": 105})
    document["links"][1]["deliver"][0]["destinations"] = ["two"]
    assert len(Desired.of(document).links) == 2


def test_reports_of_two_links_into_one_pacs_need_none() -> None:
    """A hospital's reports bear its own numbers whoever wrote them."""
    document = practice(None, None)
    document["links"][0]["deliver"][0]["classes"] = ["report"]
    assert len(Desired.of(document).links) == 2
    for link in document["links"]:
        link["role"] = "requesting"
    document["links"][0]["deliver"][0]["classes"] = None
    assert len(Desired.of(document).links) == 2


def test_a_requesting_link_has_nothing_to_mark() -> None:
    document = practice(FLERS)
    document["links"][0]["role"] = "requesting"
    with pytest.raises(MessageError, match="leave it out"):
        Desired.of(document)


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (FLERS, FLERS | {"accession_prefix": "VI-"}, "patient IDs"),
        (FLERS, VIRE | {"patient_id_prefix": "FL-2"}, "patient IDs"),
        (FLERS, VIRE | {"accession_prefix": "F"}, "accession numbers"),
        (FLERS, VIRE | {"accession_prefix": "FL-9"}, "accession numbers"),
        (FLERS, {"issuer_of_patient_id": "VIRE", "accession_prefix": "V"}, "patient IDs"),
        (
            {"issuer_of_patient_id": "A", "issuer_of_accession": "1.2.250.1"},
            {"issuer_of_patient_id": "B", "issuer_of_accession": "1.2.250.2"},
            "",
        ),
        (
            {"issuer_of_patient_id": "A", "accession_prefix": "X"},
            {"issuer_of_patient_id": "A", "accession_prefix": "Y"},
            "patient IDs",
        ),
    ],
)
def test_marks_must_not_be_mistaken_for_one_another(
    one: dict[str, Any], other: dict[str, Any], what: str
) -> None:
    """A prefix that begins another one is none: A + B1 is AB + 1."""
    faults = collisions("x", [Fed("a", Coerce.of(one)), Fed("b", Coerce.of(other))])
    assert len(faults) == bool(what)
    assert all(what in fault for fault in faults)
    assert collisions("x", [Fed("a", Coerce.of(one))]) == []


MARKS = st.from_regex(r"[A-B][A-B-]{0,3}", fullmatch=True)
NUMBERS = st.text("AB-1", max_size=5)


@given(MARKS, MARKS, NUMBERS, NUMBERS)
def test_marked_numbers_of_two_links_are_never_equal(
    one: str, other: str, first: str, second: str
) -> None:
    """Where a configuration is taken; and one where they could be equal is not."""
    coerces = [Coerce(patient_id_prefix=it, accession_prefix=it) for it in (one, other)]
    if not collisions("x", [Fed(str(place), it) for place, it in enumerate(coerces)]):
        assert one + first != other + second
    else:
        assert one.startswith(other) or other.startswith(one)


@pytest.mark.parametrize(
    ("coerce", "says"),
    [
        ({}, "changes nothing"),
        ({"other_patient_ids": True}, "changes nothing"),
        ({"accession_prefix": "FLERS-ORNE"}, "more than 8 leaves too few"),
        ({"patient_id_prefix": "F" * 17}, "more than 16 leaves too few"),
        ({"patient_id_prefix": "FL\\"}, "letters, digits"),
        ({"patient_id_prefix": "-FL"}, "letters, digits"),
        ({"patient_id_prefix": "É"}, "letters, digits"),
        ({"issuer_of_patient_id": "A^B"}, "letters, digits"),
        ({"issuer_of_patient_id": "A" * 65}, "64"),
        ({"accession_prefix": ""}, "1 character"),
    ],
)
def test_a_mark_that_cannot_stand_is_refused_with_what_to_do(
    coerce: dict[str, Any], says: str
) -> None:
    with pytest.raises(MessageError, match=says):
        Coerce.of(coerce)


def test_an_issuer_is_an_oid_or_a_name() -> None:
    assert [is_oid(it) for it in ("1.2.250.1.213", "CHU", "1", "1.02", "2.25.0")] == [
        *(True, False, False, False, True),
    ]


def test_a_configuration_from_before_is_written_back_as_it_was() -> None:
    assert "coerce" not in Desired.of(practice(None)).to_json()["links"][0]
