"""Telling a result by N-EVENT-REPORT, to real toolkits."""

from __future__ import annotations

import pytest

from bocage_edge.deliver.commitment_calls import Asked, ask, tell
from bocage_edge.deliver.scu import Timeouts
from bocage_edge.exam.references import Reference, Request, Result
from tests.edge.deliver.archive import archive
from tests.edge.deliver.asker import asker
from tests.edge.deliver.station import CR

QUICK = Timeouts(connect_s=3.0, stall_s=2.0, response_s=3.0)
ALL = Result("2.25.7", (Reference(CR, "1.2.3"), Reference(CR, "1.2.4")))
SOME = Result("2.25.8", (Reference(CR, "1.2.3"),), ((Reference(CR, "1.2.4"), 0x0112),))
NONE = Result("2.25.9", (), ((Reference(CR, "1.2.4"), 0x0119),))


def test_a_result_arrives_as_event_type_1_or_2() -> None:
    with asker() as there:
        for result in (ALL, SOME, NONE):
            assert tell(there.destination(), result, QUICK) == ""
        assert [event for event, _ in there.results] == [1, 2, 2]
        assert there.callers == ["FLERS"] * 3  # the title under which we were asked
        everything, some, none = (data_set for _, data_set in there.results)
        assert everything.TransactionUID == "2.25.7"
        assert [each.ReferencedSOPInstanceUID for each in everything.ReferencedSOPSequence] == [
            "1.2.3",
            "1.2.4",
        ]
        assert "FailedSOPSequence" not in everything
        assert [each.FailureReason for each in some.FailedSOPSequence] == [0x0112]
        assert "ReferencedSOPSequence" not in none


def test_ten_thousand_instances_arrive_in_one_result() -> None:
    many = Result("2.25.7", tuple(Reference(CR, f"1.2.{n}") for n in range(10_000)))
    with asker() as there:
        assert tell(there.destination(), many, QUICK) == ""
        assert len(there.results[0][1].ReferencedSOPSequence) == 10_000


@pytest.mark.parametrize("status", [0x0110, 0x0213, 0x0112])
def test_an_answer_that_is_no_success_is_told(status: int) -> None:
    with asker(answer=lambda: status) as there:
        assert tell(there.destination(), ALL, QUICK) == (
            f"it answered 0x{status:04X} to the N-EVENT-REPORT"
        )


def test_an_ae_that_offers_no_commitment() -> None:
    with asker(offers=False) as there:
        said = tell(there.destination(), ALL, QUICK)
    assert said == "it does not take results of storage commitment"


def test_an_ae_that_is_off() -> None:
    with asker() as there:
        gone = there.destination()
    assert tell(gone, ALL, QUICK) == "station cannot be reached"


REQUEST = Request("2.25.7", (Reference(CR, "1.2.3"), Reference(CR, "1.2.4")))


def test_a_result_on_the_same_association_is_heard() -> None:
    with archive(lost=("1.2.4",)) as there:
        said = ask(there.destination(), REQUEST, QUICK, 5.0)
        assert said.reason == ""
        assert said.result == Result(
            "2.25.7", (Reference(CR, "1.2.3"),), ((Reference(CR, "1.2.4"), 0x0112),)
        )
        assert there.answered == [0x0000]


def test_a_result_that_does_not_come_at_once_is_no_fault() -> None:
    with archive(reports=False) as there:
        assert ask(there.destination(), REQUEST, QUICK, 0.2) == Asked()
        assert [each.TransactionUID for each in there.requests] == ["2.25.7"]


def test_five_hundred_instances_in_one_request() -> None:
    many = Request("2.25.7", tuple(Reference(CR, f"1.2.{n}") for n in range(500)))
    with archive() as there:
        said = ask(there.destination(), many, QUICK, 5.0)
        assert said.result is not None
        assert len(said.result.committed) == 500


@pytest.mark.parametrize("status", [0x0110, 0x0213])
def test_a_station_that_does_not_take_the_question(status: int) -> None:
    with archive(status=status) as there:
        said = ask(there.destination(), REQUEST, QUICK, 0.2)
        assert said == Asked(f"it answered 0x{status:04X} to the N-ACTION")


def test_a_station_that_offers_no_commitment() -> None:
    with archive(offers=False) as there:
        assert ask(there.destination(), REQUEST, QUICK, 0.2) == Asked(
            "it offers no storage commitment"
        )
