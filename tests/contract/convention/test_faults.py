"""Every fault of a convention is told at once, in words; nothing anybody writes is a surprise."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.convention.faults import faults_of
from bocage_contract.convention.model import Convention
from bocage_contract.convention.wording import HINTS, WORDS
from bocage_contract.errors import ContractError

SOUND: dict[str, Any] = {
    "contract": 1,
    "id": "flers-thury",
    "version": 1,
    "link": "flers-thury",
    "requesting_site": "Hôpital de Flers",
    "reading_site": "Cabinet de Thury",
    "valid_from": "2026-01-01",
    "valid_until": "2026-12-31",
    "timezone": "Europe/Paris",
    "holidays": "FR",
    "services": {
        "FLERS": {"class": "routine", "eligible": {"modalities": ["CR", "DX"]}},
        "FLERS_URG": {"class": "urgent", "eligible": {"modalities": ["CR", "DX", "CT"]}},
        "FLERS_OLD": {"class": "prior"},
    },
    "slots": [
        {"days": "mon-fri", "from": "08:30", "to": "10:00"},
        {"days": "mon-fri", "from": "14:00", "to": "16:00"},
    ],
    "arrive_before_min": 15,
    "transfer": {
        "routine": [{"from": "06:00", "to": "20:00"}],
        "cap_mbit": [{"from": "08:00", "to": "18:00", "mbit": 4}],
    },
    "urgent": {"outside_slots": "accept", "tell": [{"name": "garde", "phone": "+33 2 31"}]},
    "request": "required",
    "report": {"due": "slot end + 60 min", "counts": "final", "formats": ["sr"]},
    "consent": {"how": "declared-by-sending"},
    "volume": {"exams_per_month": 400, "exams_per_slot": 12, "above": "accept-with-alarm"},
    "changed_content": "both",
    "tariff": {"currency": "EUR", "exam": {"CR": "12.50", "DX": "12.50", "CT": "45.00"}},
}
GONE = object()


def changed(*changes: tuple[str, Any]) -> str:
    """The sound convention with values put at dotted paths, or taken away."""
    value = deepcopy(SOUND)
    for path, new in changes:
        *way, last = path.split(".")
        there: Any = value
        for part in way:
            there = there[int(part) if part.isdigit() else part]
        if new is GONE:
            del there[last]
        else:
            there[int(last) if last.isdigit() else last] = new
    return json.dumps(value)


def found(text: str, *, warnings: bool = False) -> list[tuple[str, str]]:
    """Where and what, of faults or of warnings."""
    return [
        (".".join(map(str, each.place)), each.code)
        for each in faults_of(text)
        if each.is_warning is warnings
    ]


def test_a_sound_convention_has_none() -> None:
    assert faults_of(json.dumps(SOUND)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("contract", "one"),
        ("id", "Flers Thury"),
        ("version", 0),
        ("link", "box"),
        ("requesting_site", ""),
        ("reading_site", "x" * 81),
        ("valid_from", "1/1/2026"),
        ("valid_until", 20261231.5),
        ("timezone", "Mars/Olympus"),
        ("holidays", "XX"),
        ("services", {}),
        ("services.FLERS.class", "normal"),
        ("services.FLERS.eligible", []),
        ("services.FLERS.eligible.modalities", "CR"),
        ("services.FLERS.eligible.modalities.1", "RADIO"),
        ("slots", "08:30-10:00"),
        ("slots.0", "08:30-10:00"),
        ("slots.0.days", "lun-ven"),
        ("slots.1.from", "8h30"),
        ("slots.1.to", "24:00"),
        ("arrive_before_min", -1),
        ("transfer", "always"),
        ("transfer.routine", "sometimes"),
        ("transfer.routine.0.from", "6"),
        ("transfer.cap_mbit.0.mbit", 0),
        ("urgent.outside_slots", "wait"),
        ("urgent.tell.0.name", ""),
        ("urgent.tell.0.phone", "call me"),
        ("request", "yes"),
        ("report.due", "the next day"),
        ("report.counts", "preliminary"),
        ("report.formats.0", "word"),
        ("consent", "declared-by-sending"),
        ("consent.how", "signed"),
        ("consent.keyword", "PatientName"),
        ("consent.values", "OUI"),
        ("volume.exams_per_month", 0),
        ("volume.above", "stop"),
        ("changed_content", "latest"),
        ("tariff.currency", "euro"),
        ("tariff.exam.CR", "12.505"),
        ("tariff.other", -1),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_what_to_write(path: str, value: Any) -> None:
    text = changed((path, value))
    assert (path, "wrong") in found(text)
    for faults, no_hint in zip(
        (faults_of(text, "fr"), faults_of(text, "en")), WORDS["no_hint"], strict=True
    ):
        assert no_hint not in next(each.text for each in faults if each.code == "wrong")


@pytest.mark.parametrize(
    "path",
    ["id", "version", "link", "requesting_site", "reading_site", "valid_from", "valid_until",
     "services", "services.FLERS.class", "slots.0.days", "slots.1.to"],
)  # fmt: skip
def test_a_field_that_is_missing_is_named(path: str) -> None:
    assert (path, "missing") in found(changed((path, GONE)))


SERVICES = "services"
FAULTS: list[tuple[str, str, list[tuple[str, Any]]]] = [
    ("valid_until", "reversed", [("valid_until", "2025-12-31")]),
    ("reading_site", "same_site", [("reading_site", "Hôpital de Flers")]),
    ("services.FLERS.class", "report_service", [("services.FLERS.class", "report")]),
    ("services", "nothing_to_read", [(SERVICES, {"OLD": {"class": "prior"}})]),
    ("slots.1", "overlap", [("slots.1", {"days": "fri", "from": "09:59", "to": "11:00"})]),
    (  # over midnight, and over the end of the week
        "slots.1",
        "overlap",
        [
            ("slots.0", {"days": "sun", "from": "22:00", "to": "06:00"}),
            ("slots.1", {"days": "mon", "from": "05:59", "to": "07:00"}),
        ],
    ),
    ("arrive_before_min", "before_longer_than_slots", [("arrive_before_min", 330)]),
    ("slots.1", "no_window", [("transfer.routine", [{"from": "07:00", "to": "08:15"}])]),
    ("report.due", "due_without_slot", [("slots", [])]),
    (  # all of July 2026 has no Sunday within three days
        "slots",
        "no_slot_ever",
        [
            ("valid_from", "2026-07-13"),
            ("valid_until", "2026-07-14"),
            ("slots", [{"days": "tue", "from": "08:30", "to": "10:00"}]),
        ],
    ),
    ("report.formats", "no_format", [("report.formats", [])]),
    ("consent.keyword", "no_keyword", [("consent", {"how": "attribute"})]),
    ("tariff.exam.US", "never_travels", [("tariff.exam.US", "20.00")]),
]
WARNINGS: list[tuple[str, str, list[tuple[str, Any]]]] = [
    ("services", "no_urgent", [("services.FLERS_URG", GONE), ("tariff.exam.CT", GONE)]),
    ("services.flers", "alike", [("services.flers", {"class": "prior"})]),
    ("slots.0", "whole_day", [("slots", [{"days": "sat", "from": "08:00", "to": "08:00"}])]),
    ("arrive_before_min", "before_longer_than_gap", [("arrive_before_min", 241)]),
    ("slots.1", "window_too_short", [("transfer.routine", [{"from": "08:00", "to": "08:16"}])]),
    ("slots", "no_slots", [("slots", [])]),
    (
        "urgent.outside_slots",
        "refuse_without_slot",
        [("slots", []), ("urgent.outside_slots", "refuse")],
    ),
    ("volume.exams_per_slot", "volume_without_slot", [("slots", [])]),
    ("urgent.tell", "nobody_told", [("urgent.tell", [])]),
    ("consent", "consent_not_read", [("consent.keyword", "PatientComments")]),
    (
        "consent.value",
        "any_consent",
        [("consent", {"how": "attribute", "keyword": "PatientComments"})],
    ),
    ("volume.above", "refuse_without_volume", [("volume", {"above": "refuse"})]),
    ("volume.exams_per_month", "month_over_slots", [("volume.exams_per_slot", 7)]),
    ("tariff", "no_tariff", [("tariff", {})]),
    ("tariff.exam", "without_tariff", [("tariff.exam.CT", GONE)]),
    ("tariff.other", "other_without_tariff", [("services.FLERS.eligible", {})]),
    ("slotz", "unknown_meant", [("slotz", [])]),
    ("report.zzz", "unknown", [("report.zzz", 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("place", "code", "changes"), FAULTS)
def test_what_makes_no_sense_together_is_a_fault(
    place: str, code: str, changes: list[tuple[str, Any]]
) -> None:
    assert (place, code) in found(changed(*changes))


@pytest.mark.parametrize(("place", "code", "changes"), WARNINGS)
def test_what_one_should_know_is_a_warning(
    place: str, code: str, changes: list[tuple[str, Any]]
) -> None:
    assert (place, code) in found(changed(*changes), warnings=True)


def test_adjoining_slots_and_those_with_time_between_are_no_fault() -> None:
    adjoining = [
        {"days": "mon-fri", "from": "08:00", "to": "10:00"},
        {"days": "mon-fri", "from": "10:00", "to": "12:00"},
    ]
    assert faults_of(changed(("slots", adjoining))) == []


def test_a_name_that_stands_twice_is_a_fault() -> None:
    text = json.dumps(SOUND).replace('"FLERS_OLD": {', '"FLERS": {')
    assert ("services.FLERS", "doubled") in found(text)


def test_everything_is_told_in_one_go() -> None:
    text = changed(
        ("version", 0),
        ("slots.0.from", "8h"),
        ("reading_site", "Hôpital de Flers"),
        ("tariff.exam.US", "1.00"),
        ("services.FLERS.eligible.modalities", ["RADIO"]),
        ("valid_until", "2020-01-01"),
    )
    assert {place for place, _ in found(text)} == {
        "version",
        "slots.0.from",
        "reading_site",
        "tariff.exam.US",
        "services.FLERS.eligible.modalities.0",
        "valid_until",
    }


def test_entries_of_a_list_are_counted_from_one() -> None:
    text = changed(("slots.1.from", "14h"))
    assert faults_of(text, "fr")[0].text.startswith("slots n° 2, from: cette valeur")
    assert faults_of(text, "en")[0].text.startswith("slots no. 2, from: this does not fit")


def test_what_is_not_json_is_told_with_its_line() -> None:
    (fault,) = faults_of('{"id": "a",\n "version" 1}', "en")
    assert fault.text.startswith("line 2, character 12")


def test_every_code_has_words_in_both_languages() -> None:
    assert all(french and english and french != english for french, english in WORDS.values())
    assert all(french and english for french, english in HINTS.values())


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PLACES = [
    (),
    *[(name,) for name in SOUND],
    ("services", "FLERS"),
    ("services", "FLERS", "class"),
    ("services", "FLERS", "eligible"),
    ("slots", 0),
    ("slots", 0, "days"),
    ("slots", 0, "from"),
    ("transfer", "routine"),
    ("transfer", "routine", 0),
    ("transfer", "cap_mbit"),
    ("urgent", "tell"),
    ("report", "due"),
    ("report", "formats"),
    ("volume", "exams_per_slot"),
    ("tariff", "exam"),
    ("tariff", "exam", "CR"),
    ("consent", "keyword"),
]
LIKELY = st.sampled_from(
    ["", "08:30", "always", "mon-fri", "CR", "slot end + 0 min", "9999-12-31", "0001-01-01",
     0, 1, 1440, 10**30, 1e999, [], {}, {"class": "urgent"}, {"OT": "1"}, ["CR"], {"a": 1}]
)  # fmt: skip


def is_judged(text: str) -> None:
    """A list comes back, and it is empty of faults exactly where the convention can be read."""
    faults = faults_of(text)
    assert faults == faults_of(text.encode("utf-8", "surrogatepass"), "fr")
    try:
        Convention.read(text)
    except (ContractError, UnicodeEncodeError):
        assert any(not each.is_warning for each in faults)


@given(ANY_JSON)
def test_any_json_gives_a_list(value: Any) -> None:
    is_judged(json.dumps(value))


@given(st.lists(st.tuples(st.sampled_from(PLACES), ANY_JSON | LIKELY), min_size=1, max_size=3))
def test_any_part_may_be_anything(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    value: Any = deepcopy(SOUND)
    for place, new in changes:
        there: Any = value
        for part in place[:-1]:
            is_way = isinstance(there, dict) and part in there
            is_way = is_way or (isinstance(there, list) and part in range(len(there)))
            there = there[part] if is_way else None
        if not place:
            value = new
        elif isinstance(there, dict):
            there[place[-1]] = new
        elif isinstance(there, list) and len(there) > 0:
            there[0] = new
    is_judged(json.dumps(value))


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_give_a_list(raw: bytes | str) -> None:
    assert faults_of(raw)
