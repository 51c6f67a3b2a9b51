"""When to try again."""

from __future__ import annotations

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_edge.deliver.schedule import cut_delay_s, hold_s, retry_delay_s, weight_of
from bocage_edge.spool.types import (
    Delivery,
    DeliveryState,
    Direction,
    ObjectKind,
    ObjectState,
    StoredObject,
)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (10_000, 3600)]
)
def test_an_instance_waits_twice_as_long_each_time_up_to_an_hour(
    attempts: int, seconds: float
) -> None:
    assert retry_delay_s(attempts, 0.0) == seconds


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 5), (2, 10), (6, 160), (7, 300), (10_000, 300)]
)
def test_a_destination_rests_twice_as_long_each_time_up_to_five_minutes(
    failures: int, seconds: float
) -> None:
    assert hold_s(failures, 0.0) == seconds


@pytest.mark.parametrize(("cuts", "seconds"), [(1, 0), (2, 2), (3, 4), (4, 8), (10_000, 3600)])
def test_what_was_under_way_when_we_died_goes_on_at_once_but_not_for_ever(
    cuts: int, seconds: float
) -> None:
    assert cut_delay_s(cuts) == seconds


@pytest.mark.parametrize(("jitter", "seconds"), [(-1.0, 27.0), (1.0, 33.0)])
def test_jitter_is_a_tenth(jitter: float, seconds: float) -> None:
    assert retry_delay_s(1, jitter) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("dataset_bytes", "size_bytes", "weight"),
    [(1000, 10, 1000), (None, 1000, 8000), (1 << 40, 1 << 30, 64 << 20), (None, 1 << 30, 64 << 20)],
)
def test_the_weight_of_an_object_is_its_largest_likely_block(
    dataset_bytes: int | None, size_bytes: int, weight: int
) -> None:
    carried = StoredObject(
        name="a" * 64,
        direction=Direction.IN,
        link="flers-caen",
        klass=ExamClass.ROUTINE,
        kind=ObjectKind.INSTANCE,
        exam_id="b" * 32,
        instance_key="c" * 32,
        digest="d" * 64,
        content_digest=None,
        dataset_bytes=dataset_bytes,
        service=None,
        size_bytes=size_bytes,
        state=ObjectState.ARRIVED,
        reason="",
        held=None,
        accepted_at=0.0,
        arrive_by=None,
        due_at=0.0,
        attempts=0,
    )
    assert weight_of(Delivery(1, carried, "pacs", DeliveryState.DUE, 0, 0.0, "")) == weight
