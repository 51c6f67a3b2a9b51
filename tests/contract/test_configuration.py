"""The desired configuration: who signed it, for whom, and that its names fit together."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bocage_contract.configuration import (
    Desired,
    ForAnotherBoxError,
    OlderRevisionError,
    open_desired,
    seal_desired,
)
from bocage_contract.errors import ContractError, MessageError, SignatureError
from bocage_contract.exam_class import ExamClass
from bocage_contract.fingerprint import fingerprint
from tests.contract.keys import desired_document, identity, public, text

BOX, CONSOLE, STRANGER = identity(1), identity(5), identity(6)


def document() -> dict[str, Any]:
    """Give a whole configuration to change."""
    return copy.deepcopy(desired_document(BOX))


def test_a_signed_configuration_for_this_box_is_read() -> None:
    """Signer, audience and revision fit."""
    desired = Desired.of(document())
    raw = seal_desired(desired, CONSOLE.sign, public(CONSOLE))
    audience = fingerprint(public(BOX))
    assert open_desired(raw, {public(CONSOLE)}, audience, at_least_revision=3) == desired


def test_an_unsigned_foreign_or_old_configuration_is_refused() -> None:
    """Each of the three checks on its own."""
    raw = seal_desired(Desired.of(document()), CONSOLE.sign, public(CONSOLE))
    audience = fingerprint(public(BOX))
    with pytest.raises(SignatureError):
        open_desired(raw, {public(STRANGER)}, audience)
    with pytest.raises(ForAnotherBoxError):
        open_desired(raw, {public(CONSOLE)}, fingerprint(public(STRANGER)))
    with pytest.raises(OlderRevisionError):
        open_desired(raw, {public(CONSOLE)}, audience, at_least_revision=4)


def test_reading_and_writing_keep_every_field() -> None:
    """Unknown fields of a newer console come back out."""
    value = document()
    value["colour"] = "green"
    value["links"][0]["weather"] = {"rain": True}
    written = Desired.of(value).to_json()
    assert written["colour"] == "green"
    assert written["links"][0]["weather"] == {"rain": True}
    assert written["links"][0]["services"][0]["class"] == "routine"
    assert Desired.of(json.loads(json.dumps(written))).to_json() == written


def test_every_fault_is_named_at_once() -> None:
    """An operator mends a configuration in one go."""
    value = document()
    value["revision"] = 0
    value["receive"]["port"] = 70000
    value["links"][0]["services"][0]["aet"] = "TOO LONG FOR AN AE TITLE"
    with pytest.raises(MessageError) as caught:
        Desired.of(value)
    for place in ("revision", "receive.port", "links.0.services.0.aet"):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v["links"].append(v["links"][0]), "link flers-caen stands twice"),
        (lambda v: v["links"][0]["services"].append(v["links"][0]["services"][0]), "FLERS"),
        (lambda v: v["destinations"].append(v["destinations"][0]), "destination pacs"),
        (lambda v: v["links"][0]["services"][0].update(callers=["CT9"]), "caller CT9"),
        (lambda v: v["links"][0]["deliver"][0].update(destinations=["moon"]), "moon"),
        (lambda v: v["receive"]["callers"].append(v["receive"]["callers"][0]), "caller CR1"),
    ],
)
def test_names_that_do_not_fit_are_refused(change: Any, says: str) -> None:
    """Doubled names and names of nothing are faults of the document."""
    value = document()
    change(value)
    with pytest.raises(MessageError, match=says):
        Desired.of(value)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("site.lan", ["192.168.1.0/24; flush ruleset"]),
        ("receive.address", "0x7f.1"),
        ("links.0.tunnel.endpoint", "host:51820\nPostUp = rm"),
        ("links.0.id", "../x"),
        ("destinations.0.aet", 'A";drop'),
        ("destinations.0.host", "$(reboot)"),
    ],
)
def test_text_that_could_become_a_rule_is_refused(place: str, value: object) -> None:
    """Whatever ends up in nft, wg or a file name comes from a closed alphabet."""
    changed: Any = document()
    *path, last = place.split(".")
    inner = changed
    for step in path:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    inner[last] = value
    with pytest.raises(ContractError):
        Desired.of(changed)


def test_services_and_destinations_are_found_by_name() -> None:
    """The called AE title names the link; the class names the destination."""
    desired = Desired.of(document())
    found = desired.service("FLERS")
    assert found is not None
    link, service = found
    assert (link.id, service.exam_class) == ("flers-caen", ExamClass.ROUTINE)
    assert desired.service("ELSE") is None
    assert link.destinations_for(ExamClass.REPORT) == ["pacs"]
    assert link.destinations_for(ExamClass.ROUTINE) == []
    assert desired.destination("pacs") is not None
    assert desired.link("none") is None


def test_urgent_goes_before_report_before_routine_before_prior() -> None:
    """The order in which objects of several classes travel."""
    assert [name.rank for name in ExamClass] == [0, 1, 2, 3]
    assert list(ExamClass) == ["urgent", "report", "routine", "prior"]


def test_a_time_zone_nobody_knows_is_refused() -> None:
    """Paris is meant where none is named."""
    value = document()
    assert Desired.of(value).site.timezone == "Europe/Paris"
    value["site"]["timezone"] = "Europe/Atlantis"
    with pytest.raises(MessageError, match="time zone"):
        Desired.of(value)


def test_what_came_later_is_written_only_where_it_stood() -> None:
    """A box with this release writes an older configuration back unchanged."""
    value = document()
    assert "cap_mbit" not in Desired.of(value).to_json()["links"][0]
    value["links"][0]["cap_mbit"] = []
    assert Desired.of(value).to_json()["links"][0]["cap_mbit"] == []


def _agreed(**changes: object) -> dict[str, Any]:
    """A configuration whose link has a convention; approvals are looked at where it is opened."""
    document = desired_document(identity(1))
    link = document["links"][0]
    link["role"] = "requesting"
    link["services"] = [{"aet": "FLERS", "class": "routine"}]
    convention = {
        "id": "flers",
        "version": 1,
        "link": link["id"],
        "requesting_site": "Flers",
        "reading_site": "Caen",
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "services": {"FLERS": {"class": "routine"}},
        **changes,
    }
    nobody = {"name": "Dr", "at": 1, "key": text(bytes(32)), "signature": ""}
    approvals = [{"role": "requesting", **nobody}, {"role": "reading", **nobody}]
    link["conventions"] = [{"convention": convention, "approvals": approvals}]
    return document


def test_the_conventions_word_on_changed_content_counts_before_the_links() -> None:
    """Of the version an exam was accepted under; of the newest where that is not here."""
    document = _agreed(changed_content="newest")
    document["links"][0]["changed_content"] = "ask"
    second = json.loads(json.dumps(document["links"][0]["conventions"][0]))
    second["convention"] |= {"version": 2, "changed_content": "both"}
    document["links"][0]["conventions"].append(second)
    link = Desired.of(document).links[0]
    assert [link.changed_content_rule(version) for version in (1, 2, 7)] == [
        "newest",
        "both",
        "both",
    ]
    assert link.model_copy(update={"conventions": []}).changed_content_rule(1) == "ask"


def test_a_convention_fits_its_link() -> None:
    assert Desired.of(_agreed()).links[0].conventions[0].convention.version == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"link": "other"}, "is of link other"),
        ({"services": {"FLERS": {"class": "urgent"}}}, "the link has not"),
        ({"services": {"NOBODY": {"class": "routine"}}}, "the link has not"),
        ({"consent": {"how": "attribute"}}, "consent.keyword must name the attribute"),
    ],
)
def test_a_convention_that_does_not_fit_its_link_is_named(
    changes: dict[str, object], named: str
) -> None:
    with pytest.raises(MessageError, match=named):
        Desired.of(_agreed(**changes))


def test_a_convention_that_nobody_approved_makes_no_configuration() -> None:
    key = identity(7)
    raw = seal_desired(Desired.of(_agreed()), key.sign, public(key))
    with pytest.raises(SignatureError, match="approval"):
        open_desired(raw, {public(key)}, "0" * 64)
