from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select

from bocage_console.audit.record import record, verify
from bocage_console.database.opening import Database
from bocage_console.database.tables import AuditEntry
from tests.console.conftest import NOW


@pytest.fixture(autouse=True)
def _entries(database: Database) -> None:
    with database.writing() as session:
        for number in range(5):
            record(session, NOW + number, "anne", "site changed", "flers", number=number)


def test_an_untouched_audit_holds(database: Database) -> None:
    with database.reading() as session:
        assert verify(session) == []
        assert len(session.scalars(select(AuditEntry)).all()) == 5


def swap(rows: list[AuditEntry]) -> None:
    rows[1].what, rows[2].what = "first", "second"


EDITS: dict[str, Callable[[list[AuditEntry]], None]] = {
    "who": lambda rows: setattr(rows[2], "who", "bernard"),
    "when": lambda rows: setattr(rows[2], "at", 1),
    "detail": lambda rows: setattr(rows[2], "detail", {"number": 9}),
    "two": swap,
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_told(database: Database, edit: str) -> None:
    with database.writing() as session:
        EDITS[edit](list(session.scalars(select(AuditEntry).order_by(AuditEntry.n))))
    with database.reading() as session:
        assert any("changed after" in each for each in verify(session))


@pytest.mark.parametrize("number", [1, 3])
def test_a_removal_is_told(database: Database, number: int) -> None:
    with database.writing() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.n == number))
    with database.reading() as session:
        assert any("is missing" in each for each in verify(session))


def test_what_is_rolled_back_is_not_told_either(database: Database) -> None:
    with pytest.raises(RuntimeError), database.writing() as session:
        record(session, NOW, "anne", "site changed", "flers")
        raise RuntimeError
    with database.reading() as session:
        assert len(session.scalars(select(AuditEntry)).all()) == 5
        assert verify(session) == []
