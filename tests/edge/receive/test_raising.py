"""A person raises an exam as a whole; what receive remembers of it does not stand against that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.configuration import Link
from bocage_contract.convention.eligibility import Reason
from bocage_contract.exam_class import ExamClass
from bocage_edge.receive.raising import may_be_raised, raise_exam, urgent_services
from bocage_edge.spool.exams import Exam, ExamState
from tests.edge.receive.test_exam_book import EXAM, store, the_exam, under
from tests.fakes.instances import instance
from tests.fakes.site import LINK, Site


@pytest.fixture
def agreed(tmp_path: Path) -> Iterator[Site]:
    """A listening box under the convention."""
    with Site(tmp_path, under()) as site:
        yield site


def link_of(**terms: Any) -> Link:
    """The link under a convention."""
    found = under(**terms).desired.link(LINK)
    assert found is not None
    return found


def raised(site: Site, **terms: Any) -> Exam | Reason:
    """Raise the exam as the command does."""
    link, now = link_of(**terms), site.clock.now()
    return raise_exam(site.spool, link, the_exam(site), urgent_services(link, now), now)


def test_all_its_instances_are_urgent_and_later_ones_too(agreed: Site) -> None:
    store(agreed, instance(1))
    found = raised(agreed)
    assert isinstance(found, Exam)
    assert (found.klass, found.service, found.arrive_by) == (ExamClass.URGENT, "FLERS_URG", None)
    store(agreed, instance(2))  # on the routine service; receive remembered a routine exam
    assert [stored.klass for stored in agreed.objects()] == [ExamClass.URGENT] * 2
    assert [each.draft.body["why"] for each in agreed.entries("exam")] == ["new", "raised"]
    assert not may_be_raised(the_exam(agreed))


def test_what_the_urgent_service_does_not_take_stays_as_it_is(agreed: Site) -> None:
    store(agreed, instance(1))
    services = {
        "FLERS": {"class": "routine"},
        "FLERS_URG": {"class": "urgent", "eligible": {"modalities": ["CT"]}},
    }
    assert raised(agreed, services=services) is Reason.MODALITY_NOT_AGREED
    assert the_exam(agreed).klass is ExamClass.ROUTINE


def test_only_services_of_the_version_in_force_count() -> None:
    link = link_of(services={"FLERS": {"class": "routine"}})
    assert urgent_services(link, 1e9) == []
    assert urgent_services(link.model_copy(update={"conventions": []}), 1e9) == ["FLERS_URG"]


def test_a_cancelled_exam_that_is_sent_again_begins_anew(agreed: Site) -> None:
    """Though receive remembered it as accepted."""
    store(agreed, instance(1))
    agreed.spool.cancel_exam(LINK, EXAM, agreed.clock.now())
    assert agreed.objects() == []
    assert not may_be_raised(the_exam(agreed))
    assert store(agreed, instance(1)).status == 0
    assert the_exam(agreed).state is ExamState.ACCEPTED
    assert len(agreed.objects()) == 1
    assert [each.draft.body["why"] for each in agreed.entries("exam")] == ["new", "new"]


def test_an_instance_at_the_partner_already_revives_its_exam(agreed: Site) -> None:
    """Without a second copy: the practice lets go on what it holds."""
    store(agreed, instance(1))
    (stored,) = agreed.objects()
    agreed.spool.mark_stored([stored.name])
    agreed.spool.cancel_exam(LINK, EXAM, agreed.clock.now())
    assert store(agreed, instance(1)).status == 0
    assert the_exam(agreed).state is ExamState.ACCEPTED
    assert len(agreed.spool.objects_of_exam(LINK, EXAM)) == 1


@pytest.mark.parametrize(
    ("state", "klass", "may_be"),
    [
        (ExamState.ACCEPTED, ExamClass.ROUTINE, True),
        (ExamState.ACCEPTED, ExamClass.PRIOR, True),
        (ExamState.ACCEPTED, ExamClass.URGENT, False),
        (ExamState.REFUSED, ExamClass.ROUTINE, False),
        (ExamState.WAITING, ExamClass.ROUTINE, False),
    ],
)
def test_which_exams_may_be_raised(
    agreed: Site, state: ExamState, klass: ExamClass, may_be: bool
) -> None:
    store(agreed, instance(1))
    assert may_be_raised(replace(the_exam(agreed), state=state, klass=klass)) is may_be
