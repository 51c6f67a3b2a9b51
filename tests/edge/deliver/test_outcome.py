"""What the standard's codes mean for the spool."""

from __future__ import annotations

import pytest

from bocage_edge.deliver.outcome import (
    Deferred,
    Delivered,
    Outcome,
    Refused,
    Scope,
    outcome_of,
    outcome_of_no_context,
    outcome_of_rejection,
)


def kind_of(outcome: Outcome) -> tuple[type, Scope | None]:
    """Reduce an outcome to what the box does about it."""
    return type(outcome), None if isinstance(outcome, Delivered) else outcome.scope


@pytest.mark.parametrize(
    ("status", "kind", "scope"),
    [
        (None, Deferred, Scope.DESTINATION),
        (0xA700, Deferred, Scope.DESTINATION),
        (0xA7FF, Deferred, Scope.DESTINATION),
        (0x0213, Deferred, Scope.DESTINATION),
        (0x0124, Refused, Scope.DESTINATION),
        (0xA900, Refused, Scope.INSTANCE),
        (0xA9FF, Refused, Scope.INSTANCE),
        (0xC000, Refused, Scope.INSTANCE),
        (0xCFFF, Refused, Scope.INSTANCE),
        (0x0111, Refused, Scope.INSTANCE),
        (0x0117, Refused, Scope.INSTANCE),
        (0x0122, Refused, Scope.INSTANCE),
        (0x0110, Deferred, Scope.INSTANCE),
        (0xFE00, Deferred, Scope.INSTANCE),
        (0xA800, Deferred, Scope.INSTANCE),
        (0xD000, Deferred, Scope.INSTANCE),
    ],
)
def test_each_status_has_its_end(status: int | None, kind: type, scope: Scope) -> None:
    assert kind_of(outcome_of(status)) == (kind, scope)


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007, 0xBFFF, 0x0001, 0x0107, 0x0116])
def test_a_warning_is_delivered_and_remembered(status: int) -> None:
    assert outcome_of(status) == Delivered(warning=status)
    assert Delivered(warning=status).status == status


def test_success_is_delivered() -> None:
    assert outcome_of(0) == Delivered()
    assert Delivered().status == 0


def test_every_status_has_an_end_and_no_unknown_one_is_dropped() -> None:
    ends = {type(outcome_of(status)) for status in range(0x10000)}
    assert ends == {Delivered, Deferred, Refused}
    assert isinstance(outcome_of(0x1234), Deferred)


@pytest.mark.parametrize(
    ("result", "source", "diagnostic", "kind"),
    [
        (1, 1, 7, Refused),
        (1, 1, 3, Refused),
        (2, 1, 7, Refused),
        (1, 1, 1, Refused),
        (1, 2, 2, Refused),
        (2, 3, 1, Deferred),
        (2, 3, 2, Deferred),
        (2, 1, 1, Deferred),
    ],
)
def test_a_rejected_association_holds_the_destination(
    result: int, source: int, diagnostic: int, kind: type
) -> None:
    outcome = outcome_of_rejection(result, source, diagnostic)
    assert kind_of(outcome) == (kind, Scope.DESTINATION)


@pytest.mark.parametrize(
    ("results", "kind"),
    [
        ((3, 3, 3), Refused),
        ((4, 4), Refused),
        ((3, 4), Refused),
        ((4, 1), Deferred),
        ((2,), Deferred),
        ((), Deferred),
    ],
)
def test_no_usable_context_is_about_the_instance(results: tuple[int, ...], kind: type) -> None:
    assert kind_of(outcome_of_no_context(results)) == (kind, Scope.INSTANCE)
