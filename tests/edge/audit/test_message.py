"""Audit messages in XML: by the schema, the fields each kind must have, whatever names hold."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.audit.happening import Happening, Transfer, Way
from bocage_edge.audit.message import Node, Surroundings, write_message
from bocage_edge.audit.reading import ACTIVITY, SECURITY
from bocage_edge.audit.subject import Subject
from bocage_edge.audit.words import ALERTS, alert_text
from tests.edge.audit.schema import details, faults

LINK, EXAM = "flers-caen", "ab" * 16
CR, DX = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1"
SUBJECT = Subject("1.2.3.4", "P-17", "DURAND^Zoé", "A42")
AROUND = Surroundings(
    device="flers-1",
    source_id="bocage-flers",
    enterprise_site="Flers",
    language="fr",
    destinations={"pacs": Node("PACS", "PACS", "192.168.1.30")},
    partners={LINK: Node("caen-1", "", "fd00::2")},
    callings={"pacs": "BOCAGE"},
)


def transfer(way: Way, **changes: Any) -> Transfer:
    value: dict[str, Any] = {
        "way": way,
        "link": LINK,
        "exam_id": EXAM,
        "source": "CR1" if way is Way.TAKEN else "",
        "destination": {Way.TAKEN: "FLERS", Way.SENT: "", Way.DELIVERED: "pacs"}[way],
        "first_at": 1_800_000_000.0,
        "last_at": 1_800_000_005.25,
        "classes": {CR: 2, DX: 1},
    }
    return Transfer(**{**value, **changes})


def told(way: Way, event: str = "transferred", **changes: Any) -> Happening:
    found = transfer(way, **changes)
    return Happening(event, found.last_at, "", LINK, {}, found)


def read(happening: Happening, subject: Subject | None = SUBJECT) -> ET.Element:
    written = write_message(happening, subject, AROUND)
    assert faults(written.xml) == []
    return ET.fromstring(written.xml)  # noqa: S314 - ours


def participants(root: ET.Element) -> list[tuple[str, str | None, str | None, str]]:
    return [
        (
            each.attrib["UserID"],
            each.get("AlternativeUserID"),
            each.get("NetworkAccessPointID"),
            "".join(role.attrib["csd-code"] for role in each.iter("RoleIDCode")),
        )
        for each in root.iter("ActiveParticipant")
    ]


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (
            Way.TAKEN,
            [
                ("CR1", "AETITLES=CR1", None, "110153"),
                ("flers-1", "AETITLES=FLERS", None, "110152"),
            ],
        ),
        (Way.SENT, [("flers-1", None, None, "110153"), ("caen-1", None, "fd00::2", "110152")]),
        (
            Way.DELIVERED,
            [
                ("flers-1", "AETITLES=BOCAGE", None, "110153"),
                ("PACS", "AETITLES=PACS", "192.168.1.30", "110152"),
            ],
        ),
    ],
)
def test_a_transfer_names_both_ends(way: Way, expected: list[tuple[str, ...]]) -> None:
    for event, code in (("begin", "110102"), ("transferred", "110104")):
        root = read(told(way, event))
        assert root.find("EventIdentification/EventID").attrib["csd-code"] == code  # type: ignore[union-attr]
        assert participants(root) == expected


def test_a_transfer_names_study_and_patient() -> None:
    study, patient = read(told(Way.TAKEN)).findall("ParticipantObjectIdentification")
    assert study.attrib == {
        "ParticipantObjectID": "1.2.3.4",
        "ParticipantObjectTypeCode": "2",
        "ParticipantObjectTypeCodeRole": "3",
    }
    assert study.findtext("ParticipantObjectName") == "NE-NTQA"
    assert [dict(each.attrib) for each in study.iter("SOPClass")] == [
        {"UID": CR, "NumberOfInstances": "2"},
        {"UID": DX, "NumberOfInstances": "1"},
    ]
    assert [each.attrib["Number"] for each in study.iter("Accession")] == ["A42"]
    assert patient.attrib["ParticipantObjectID"] == "P-17"
    assert patient.findtext("ParticipantObjectName") == "DURAND^Zoé"
    code = patient.find("ParticipantObjectIDTypeCode")
    assert code is not None
    assert (code.attrib["csd-code"], code.attrib["codeSystemName"]) == ("2", "RFC-3881")


def test_where_no_class_is_known_the_number_alone_is_told() -> None:
    written = write_message(told(Way.SENT, classes={"": 7}), SUBJECT, AROUND)
    assert details(written.xml) == {"NumberOfInstances": "7"}
    assert b"SOPClass" not in written.xml


def test_an_exam_nobody_knows_is_told_by_its_exam_id() -> None:
    (study,) = read(told(Way.DELIVERED), None).findall("ParticipantObjectIdentification")
    assert study.attrib["ParticipantObjectID"] == EXAM
    code = study.find("ParticipantObjectIDTypeCode")
    assert code is not None
    assert code.attrib["codeSystemName"] == "99BOCAGE"


@pytest.mark.parametrize(
    ("changes", "action", "outcome"),
    [
        ({}, "C", "0"),
        ({"again": 1}, "C", "0"),
        ({"again": 3}, "R", "0"),
        ({"way": Way.DELIVERED}, "R", "0"),
        ({"way": Way.DELIVERED, "failed": 1}, "R", "4"),
        ({"way": Way.DELIVERED, "failed": 1, "classes": {}}, "R", "8"),
    ],
)
def test_action_and_outcome(changes: dict[str, Any], action: str, outcome: str) -> None:
    way = changes.pop("way", Way.TAKEN)
    event = read(told(way, **changes)).find("EventIdentification")
    assert event is not None
    assert (event.attrib["EventActionCode"], event.attrib["EventOutcomeIndicator"]) == (
        action,
        outcome,
    )
    assert event.attrib["EventDateTime"] == "2027-01-15T08:00:05.250Z"


def test_what_a_station_refused_is_counted() -> None:
    written = write_message(told(Way.DELIVERED, failed=2), SUBJECT, AROUND)
    assert faults(written.xml) == []
    assert details(written.xml) == {"NumberOfInstancesRefused": "2"}
    assert written.is_failure


@pytest.mark.parametrize("kind", sorted(SECURITY))
def test_each_alert_has_its_words_in_both_languages(kind: str) -> None:
    french, english = (alert_text(kind, {}, language) for language in ("fr", "en"))
    assert french != english
    assert "{" not in french + english
    root = read(Happening("security", 1.8e9, kind, LINK, {"reason": "x"}))
    assert root.find("EventIdentification/EventID").attrib["csd-code"] == "110113"  # type: ignore[union-attr]
    assert root.find("EventIdentification/EventTypeCode") is not None
    assert root.find("ActiveParticipant").attrib["UserIsRequestor"] == "true"  # type: ignore[union-attr]


def test_there_is_no_alert_nobody_sends() -> None:
    assert set(ALERTS) == SECURITY


def test_a_refused_association_says_who_knocked() -> None:
    details_of: dict[str, str | int] = {
        "calling": "EVIL",
        "called": "FLERS",
        "address": "192.168.1.66",
        "reason": "unknown",
        "count": 3,
    }
    happening = Happening("security", 1.8e9, "association_refused", "", details_of)
    root = read(happening, None)
    assert participants(root)[1] == ("EVIL", "AETITLES=EVIL", "192.168.1.66", "")
    (text,) = details(ET.tostring(root)).values()
    assert text == (
        "Association DICOM refusée : EVIL vers FLERS depuis 192.168.1.66 (unknown), 3 fois"
    )


@pytest.mark.parametrize("kind", sorted(ACTIVITY))
def test_start_and_stop_are_told(kind: str) -> None:
    root = read(Happening("activity", 1.8e9, kind, "", {"unit": "keeper"}))
    types = [each.attrib["csd-code"] for each in root.iter("EventTypeCode")]
    assert types == [{"started": "110120", "stopped": "110121"}[kind]]
    assert participants(root) == [("flers-1", None, None, "110150")]


HOSTILE = st.text(max_size=2000) | st.sampled_from(
    [
        '"/><ActiveParticipant UserID="x"/>',
        "]]><!-- &amp; &#0; &xxe;",
        "\x00\x01\x1b\ud800\ufffe\r\n\t",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
    ]
)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_whatever_names_hold_stays_text(uid: str, patient: str, name: str, number: str) -> None:
    subject = Subject(uid, patient, name, number)
    root = read(told(Way.TAKEN), subject)
    objects = root.findall("ParticipantObjectIdentification")
    assert len(objects) == 2
    assert len(root.findall("ActiveParticipant")) == 2
    shown = objects[1].attrib["ParticipantObjectID"]
    kept = [a == b for a, b in zip(shown, patient[:1024], strict=True)]
    assert all(same or shown[n] == "\ufffd" for n, same in enumerate(kept))


@given(st.dictionaries(st.sampled_from(["calling", "address", "reason", "by"]), HOSTILE))
def test_whatever_a_caller_calls_itself_stays_text(details_of: dict[str, str]) -> None:
    written = write_message(
        Happening("security", 1.8e9, "association_refused", "", details_of), None, AROUND
    )
    assert [f for f in faults(written.xml) if "NetworkAccessPointID" not in f] == []


def test_a_subject_shows_nothing_of_itself() -> None:
    assert "DURAND" not in repr(SUBJECT)
    assert "1.2.3.4" not in str(SUBJECT)
