"""What an exam is called is learned once, from the instance that is sent anyway."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bocage_contract.exam_class import ExamClass
from bocage_contract.hl7_receive import Issuer
from bocage_edge.deliver.naming import LISTENED_BYTES, Listener, Naming
from bocage_edge.errors import KeeperError
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.names import NameKind, Names, names_of
from bocage_edge.hl7.reading import read
from bocage_edge.seal.syntax import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bocage_edge.spool.types import ObjectKind
from tests.edge.deliver.practice import LINK, LINK_KEY, Practice
from tests.edge.deliver.station import CR, station
from tests.edge.hl7.messages import er7, order
from tests.edge.spool.making import arrive, open_spool
from tests.fakes.instances import Instance, instance
from tests.fakes.ris import ris

EXAM = "ab" * 16


def test_an_exam_is_named_by_its_first_instance(tmp_path: Path) -> None:
    """As keyed hashes; the instance arrives as it came."""
    one, two = instance(1, patient="Doe^Jane"), instance(2, patient="Other^Name")
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.arrive(one)
        box.run()
        named = box.spool.exam_names(LINK, EXAM)
        (name,) = names_of(LINK_KEY, Identities(name="Doe^Jane")).names
        assert (NameKind.NAME, name) in named
        box.arrive(two)
        box.run()
        assert box.spool.exam_names(LINK, EXAM) == named
        assert [came[2] for came in there.came] == [one.data_set, two.data_set]


def test_an_issuer_is_known_under_the_name_the_site_declares(tmp_path: Path) -> None:
    """What the site's own report names by its OID is then the same; nothing is assumed."""
    spool = open_spool(tmp_path, unit="deliver")
    naming = Naming(spool, lambda _link: LINK_KEY)
    naming.issuers = [Issuer(name="THURY", oid="1.2.250.1.9", assumed=True)]
    name = arrive(spool, b"image")
    carried = spool.get(name)
    assert carried is not None
    heard = Identities(patients=(Issued("7", "1.2.250.1.9"), Issued("8")))
    naming.heard(carried, [heard])
    patients = [hashed for kind, hashed in spool.exam_names(carried.link, carried.exam_id)]
    assert patients == list(
        names_of(LINK_KEY, Identities(patients=(Issued("7", "THURY"),))).patients
    )
    spool.close()


def test_nothing_is_named_where_we_do_not_read(tmp_path: Path) -> None:
    """Nor by a report."""
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.arrive(instance(1), klass=ExamClass.REPORT)
        box.run()
        box.setup = replace(box.setup, reading_links=frozenset())
        box.arrive(instance(2))
        box.run()
        assert len(there.came) == 2
        assert box.spool.exam_names(LINK, EXAM) == []


def test_a_keeper_that_is_silent_holds_up_no_delivery(tmp_path: Path) -> None:
    """The next instance names the exam."""
    answers = iter([None, LINK_KEY])

    def link_key(_link: str) -> bytes:
        key = next(answers)
        if key is None:
            raise KeeperError("the keeper does not answer")
        return key

    with (
        station() as there,
        Practice(tmp_path, there.destination(), link_key=link_key) as box,
    ):
        box.arrive(instance(1))
        box.run()
        assert len(there.came) == 1
        assert box.spool.exam_names(LINK, EXAM) == []
        box.arrive(instance(2))
        box.run()
        assert box.spool.exam_names(LINK, EXAM)


def test_names_are_heard_when_the_instance_is_transcoded(tmp_path: Path) -> None:
    """Of the data set as it came."""
    with (
        station([IMPLICIT_LITTLE]) as there,
        Practice(tmp_path, there.destination()) as box,
    ):
        box.arrive(instance(1, patient="Doe^Jane"))
        box.run()
        assert there.came[0][1] == IMPLICIT_LITTLE
        assert box.spool.exam_names(LINK, EXAM)


def test_a_request_adds_its_numbers_and_leaves_the_patient_to_the_images(tmp_path: Path) -> None:
    """Whichever is delivered first; a report that bears the order's number finds the exam."""
    asked = er7(*order())
    names = names_of(LINK_KEY, read(asked).identities)
    with (
        station() as there,
        ris() as listener,
        Practice(tmp_path, there.destination(), listener.destination()) as box,
    ):
        box.arrive_message(asked, kind=ObjectKind.REQUEST, exam=EXAM)
        box.run()
        named = Names.of_rows(names.exam_id, box.spool.exam_names(LINK, EXAM))
        assert names.orders
        assert named == Names(names.exam_id, names.accessions, names.orders)
        box.arrive(instance(1, patient="Doe^Jane"))
        box.run()
        both = Names.of_rows(names.exam_id, box.spool.exam_names(LINK, EXAM))
        assert both.orders == names.orders
        assert both.names == names_of(LINK_KEY, Identities(name="Doe^Jane")).names


def test_what_cannot_be_followed_goes_through_unchanged() -> None:
    """And is not listened to for ever."""
    blocks = [b"\xff" * 70_000, b"no data set" * 100_000, b"end"]
    listener = Listener(EXPLICIT_LITTLE)
    assert list(listener.through(iter(blocks))) == blocks
    assert listener.identities() == Identities()
    whole = Instance(CR, "1.2.3", b"\0" * (LISTENED_BYTES + 5))
    assert list(Listener("1.2.3").through(iter([whole.data_set]))) == [whole.data_set]
