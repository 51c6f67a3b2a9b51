"""The agreement in words: what holds, what follows, when the next slot is."""

from __future__ import annotations

from typing import Any

import pytest

from bocage_contract.convention.approval import Approval, Approved
from bocage_edge.cli.convention_text import day_in_words, lines_of
from tests.contract.convention.test_calendar import PARIS, at
from tests.contract.convention.test_eligibility import agreed
from tests.contract.keys import identity, public, text

NOW = at("2026-12-01T08:10")


def approved(**changes: Any) -> Approved:
    """A version with its two approvals; nobody verifies them here."""
    key = text(public(identity(11)))
    approvals = [
        Approval(role="requesting", name="Mme Lebrun", at=1_780_000_000, key=key, signature=""),
        Approval(role="reading", name="Dr Morin", at=1_780_100_000, key=key, signature=""),
    ]
    return Approved(convention=agreed(**changes), approvals=approvals)


FOLLOWING = approved(version=2, valid_from="2027-01-01", valid_until="2027-12-31")


def test_in_french() -> None:
    said = lines_of([approved(volume={"exams_per_month": 400}), FOLLOWING], NOW, 12, "fr")
    assert said[0] == (
        "flers-thury, version 1, en vigueur : Hôpital de Flers → Cabinet de Thury,"
        " du 2026-01-01 au 2026-12-31"
    )
    assert said[1] == "  approuvée par Mme Lebrun (site demandeur) le jeudi 28 mai 2026"
    assert "version 2, à venir" in said[3]
    assert "service FLERS : de routine, CR, DX" in said
    assert "service FLERS_OLD : antérieur, toutes modalités" in said
    assert "12 examens sur 400 ce mois-ci" in said
    assert "vacation du mardi 1 décembre, de 08:30 à 10:00 ; arrivée avant 08:15" in said
    assert sum(line.startswith("vacation du") for line in said) == 5
    assert said[-1].startswith("un examen de routine accepté maintenant : vacation du mardi 1")


def test_in_english_after_the_cut_off() -> None:
    said = lines_of([approved()], at("2026-12-04T08:16"), 0, "en")
    assert said[-1] == (
        "a routine exam accepted now: slot of Monday 7 December at 08:30, arrive by 08:15 on"
        " Monday 7 December"
    )
    assert "0 exams this month" in said


@pytest.mark.parametrize(
    ("now", "standings"),
    [
        ("2026-12-01T08:10", ["in force", "to come"]),
        ("2027-01-04T08:10", ["over", "in force"]),
        ("2028-01-04T08:10", ["over", "over"]),
    ],
)
def test_which_version_holds(now: str, standings: list[str]) -> None:
    said = lines_of([approved(), FOLLOWING], at(now), 0, "en")
    titles = [line for line in said if line.startswith("flers-thury")]
    assert all(words in line for words, line in zip(standings, titles, strict=True))


def test_a_version_that_another_replaces_early_is_told() -> None:
    early = approved(version=2, valid_from="2026-06-01")
    assert "version 1, replaced" in lines_of([approved(), early], NOW, 0, "en")[0]


def test_without_slots_and_without_a_convention() -> None:
    assert "no slots" in lines_of([approved(slots=[])], NOW, 0, "en")
    assert lines_of([], NOW, 0, "fr")[0].startswith("aucune convention")
    christmas = approved(slots=[{"days": "fri", "from": "08:00", "to": "09:00"}])
    assert "no slot within seven days" in lines_of([christmas], at("2026-12-19T00:00"), 0, "en")


def test_days_in_words() -> None:
    assert day_in_words(at("2026-08-01T00:00"), PARIS, "fr") == "samedi 1 août"
    assert day_in_words(at("2026-08-01T00:00") - 1, PARIS, "en") == "Friday 31 July"
