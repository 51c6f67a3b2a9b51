"""The demonstration's convention, and what is counted by hand from its plan."""

from __future__ import annotations

import datetime
from decimal import Decimal

from bocage_contract.convention.model import Convention
from bocage_provisioning.demo.agreement import BY_HAND, COLUMNS, agreement
from bocage_provisioning.demo.exams import OUTAGE, PLAN
from bocage_provisioning.lab.desired import ROUTINE_AET
from tests.provisioning.demo.test_day import csv_of

TODAY = datetime.date(2026, 12, 1)


def test_it_has_two_slots_and_survives_being_written_down() -> None:
    convention = agreement(TODAY)
    assert len(convention.slots) == 2
    assert Convention.of(convention.to_json()) == convention
    assert convention.valid_from <= TODAY <= convention.valid_until


def test_the_sums_by_hand_are_those_of_the_plan() -> None:
    """Whoever adds an exam counts again."""
    *lines, total = BY_HAND.values()
    assert sum(int(line[0]) for line in lines) == int(total[0]) == len(PLAN) + len(OUTAGE)
    assert int(total[COLUMNS.index("reported")]) == len(PLAN)
    slots = sum(service == ROUTINE_AET for _, service in (*PLAN, *OUTAGE))
    assert int(total[COLUMNS.index("slots_met")]) == slots
    assert sum(Decimal(line[-1]) for line in lines) == Decimal(total[-1])
    prices = agreement(TODAY).tariff.exam
    for modality, line in list(BY_HAND.items())[:-1]:
        assert prices[modality] * int(line[0]) == Decimal(line[-1])
    assert csv_of(BY_HAND).count("\n") == len(BY_HAND) + 1
