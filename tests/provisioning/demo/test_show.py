"""How the demonstration's result looks."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from bocage_provisioning.demo.agreement import BY_HAND, agreement
from bocage_provisioning.demo.ledgers import rows
from bocage_provisioning.demo.outcome import Check, ExamOutcome, Outcome
from bocage_provisioning.demo.show import agreed, checks, statement, table, verdict
from tests.provisioning.demo.test_day import csv_of

SLOT = int(datetime.datetime(2026, 12, 1, 8, 30, tzinfo=ZoneInfo("Europe/Paris")).timestamp())
EXAM = ExamOutcome("CR RG1_UNCI", "FLERS", 2, 7_201_328, 4_110_373, 2.27, True, 0.15, True, SLOT)
PRIOR = ExamOutcome("CR RG1_UNCI prior", "FLERS_OLD", 1, 9, 9, 2.0, True, None, True)
URGENT = ExamOutcome("CT 693_UNCI", "FLERS_URG", 2, 9, 9, 2.0, False, 0.1, True)
NO = Check("the sky is green", False, "it is blue")
OUTCOME = Outcome((EXAM, PRIOR, URGENT), True, (), (NO,))


def drawn(shown: Table, width: int = 100) -> str:
    """What a file of that width gets."""
    console = Console(width=width)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def test_each_exam_says_what_it_is_for() -> None:
    """A slot by its day and hour, in France; a prior and an emergency by their names."""
    lines = drawn(table(OUTCOME)).splitlines()
    words = ("Tue 08:30", "prior ", "urgent")
    found = {word: line for line in lines for word in words if word in line}
    assert "CR RG1_UNCI" in found["Tue 08:30"] and "equal" in found["Tue 08:30"]
    assert "DIFFERENT" in found["urgent"]
    assert max(map(len, lines)) <= 100


def test_a_claim_that_did_not_hold_is_said_twice() -> None:
    assert " NO " in drawn(checks(OUTCOME))
    assert "NOT SO: the sky is green (it is blue)" in verdict(OUTCOME)


def test_the_statement_fits_a_terminal() -> None:
    full = [dict(row, median_min="90", p95_min="150") for row in rows(csv_of(BY_HAND))]
    lines = drawn(statement(Outcome((), True, (), (), full)), 96).splitlines()
    assert "2026-12" in lines[0]
    assert any("TOTAL" in line and "212.50" in line for line in lines)
    assert "…" not in "".join(lines)
    assert drawn(statement(Outcome((), True, ())))


def test_what_was_agreed_is_said_with_the_time() -> None:
    said = agreed(agreement(datetime.date(2026, 12, 1)), SLOT)
    assert said.startswith("It is Tuesday 2026-12-01 08:30 at both sites.")
    assert "FLERS      routine: CR, DX\n" in said
    assert "there 15 minutes before" in said
