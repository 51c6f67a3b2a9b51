"""Sameness, class, partner, disk: what becomes of an instance that arrives whole."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.association import Association

from bocage_contract.exam_class import ExamClass
from bocage_edge.errors import KeeperError, SpoolFullError
from bocage_edge.exam.identities import Identities
from bocage_edge.exam.identity import exam_id, instance_key
from bocage_edge.exam.names import names_of
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.store import Arrival
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Settlement, Verdict
from bocage_system.clock import SystemClock
from tests.edge.receive.test_association import CONTEXTS, associated, send
from tests.fakes.instances import CR, STUDY, Instance, instance
from tests.fakes.plain_writer import PlainWriter
from tests.fakes.scripted_peer import ABORT, Response, data, store_command
from tests.fakes.site import LINK, LINK_KEY, WAIT_S, Site, in_force, other_identity


def store(site: Site, sent: Instance, called: bytes = b"FLERS") -> Response:
    """Send one instance on an association of its own."""
    with associated(site, called) as peer:
        send(peer, sent, step=60_000)
        response = peer.response()
        peer.release()
        return response


def test_an_object_bears_the_names_of_the_link(site: Site) -> None:
    """Keyed hashes; nothing of the patient or the raw UIDs in index or entries."""
    sent = instance(1, patient="Verylongname^Jane")
    store(site, sent)
    (stored,) = site.objects()
    assert stored.exam_id == exam_id(LINK_KEY, STUDY)
    assert stored.instance_key == instance_key(LINK_KEY, sent.sop_instance)
    assert stored.dataset_bytes == len(sent.data_set)
    site.spool.close()
    index = (site.incoming.parent / "index.db").read_bytes()
    assert STUDY.encode() not in index
    assert sent.sop_instance.encode() not in index
    assert b"Verylongname" not in index


def test_an_exam_that_starts_here_is_known_by_keyed_hashes(site: Site) -> None:
    """So that a request finds it; written with its first instance, and never in the plain."""
    store(site, instance(1, patient="Verylongname^Jane"))
    known = site.spool.exam_names(LINK, exam_id(LINK_KEY, STUDY))
    expected = names_of(LINK_KEY, Identities(name="Verylongname^Jane"))
    assert known == expected.rows() != []
    store(site, instance(2, patient="Verylongname^June"))
    assert site.spool.exam_names(LINK, exam_id(LINK_KEY, STUDY)) == known


def test_the_same_instance_again_is_success_and_no_second_object(site: Site) -> None:
    """With a line in the ledger."""
    first, second = store(site, instance(1)), store(site, instance(1))
    assert (first.status, second.status) == (0, 0)
    assert len(site.objects()) == 1
    (entry,) = site.entries("same_again")
    assert entry.draft.body["object"] == site.objects()[0].name


def test_the_same_instance_by_a_more_urgent_service_raises_the_class(site: Site) -> None:
    """And never lowers it."""
    for called in (b"FLERS_OLD", b"FLERS_URG", b"FLERS"):
        assert store(site, instance(1), called).status == 0
    (stored,) = site.objects()
    assert stored.klass is ExamClass.URGENT
    (entry,) = site.entries("raised")
    assert entry.draft.body["exam_class"] == "urgent"
    assert len(site.entries("same_again")) == 2


def test_other_content_under_a_known_uid_is_kept_beside_with_an_alarm(site: Site) -> None:
    """Neither is thrown away."""
    store(site, instance(1))
    assert store(site, instance(1, pixels=b"\5" * 256)).status == 0
    assert len(site.objects()) == 2
    assert len(site.entries("changed_content")) == 1
    status = site.reception.status()
    assert status["last_alarm"]["kind"] == "changed_content"
    assert status["counts"]["alarm: changed_content"] == 1


def test_an_instance_the_partner_refused_is_taken_again(site: Site) -> None:
    """The technologist sends again because it was refused: it must travel again."""
    store(site, instance(1))
    (refused,) = site.objects()
    site.spool.settle([Settlement(refused.name, Verdict.REFUSED, "no")])
    assert store(site, instance(1)).status == 0
    (stored,) = site.objects()
    assert stored.name != refused.name
    assert len(site.entries("received")) == 2


def test_an_instance_that_was_delivered_is_known_for_13_months(site: Site) -> None:
    """Its file has gone, its digest has not; a more urgent service changes nothing any more."""
    store(site, instance(1))
    (done,) = site.objects()
    site.spool.settle([Settlement(done.name, Verdict.DELIVERED)])
    assert store(site, instance(1), b"FLERS_URG").status == 0
    assert site.objects() == []
    assert len(site.entries("same_again")) == 1
    assert site.entries("raised") == []


def test_two_associations_with_one_instance_at_one_moment_make_one_object(site: Site) -> None:
    """Both have sent everything before either is answered."""
    sent = instance(1)
    peers = [associated(site) for _ in range(4)]
    for peer in peers:
        peer.send(data(3, store_command(CR, sent.sop_instance), command=True))
        peer.send(data(3, sent.data_set[:100], last=False))
    for peer in peers:
        peer.send(data(3, sent.data_set[100:]))
    assert [peer.response().status for peer in peers] == [0] * 4
    for peer in peers:
        peer.close()
    assert len(site.objects()) == 1
    assert len(site.entries("received")) == 1
    assert len(site.entries("same_again")) == 3


def test_studies_interleaved_on_one_association(site: Site) -> None:
    """As an archive sends them."""
    with associated(site) as peer:
        for number in range(6):
            study = f"{STUDY}.{number % 2}"
            send(peer, instance(number, study=study), message_id=number)
            assert peer.response().status == 0
    assert len({stored.exam_id for stored in site.objects()}) == 2
    assert len(site.objects()) == 6


@pytest.mark.parametrize("missing", [None, "not a uid", "1." + "9" * 70])
def test_an_instance_without_a_study_is_refused(site: Site, missing: str | None) -> None:
    """We could not say whose it is."""
    response = store(site, instance(1, study=missing))
    assert response.status == Answer.NO_STUDY.status
    assert response.comment == Answer.NO_STUDY.comment("en")


def test_a_data_set_that_is_cut_short_is_refused(site: Site) -> None:
    """Its last fragment came, its last element did not."""
    sent = instance(1)
    response = store(site, Instance(CR, sent.sop_instance, sent.data_set[:-20]))
    assert response.status == Answer.TRUNCATED.status


def test_nothing_is_sealed_to_an_unconfirmed_partner(tmp_path: Path) -> None:
    """The technologist is told whom it is about; confirmed later, it works without a restart."""
    with Site(tmp_path, in_force(pinned=False)) as site:
        response = store(site, instance(1))
        assert response.status == Answer.NOT_CONFIRMED.status
        assert response.comment == "Partner caen-1 is not confirmed"
        assert site.objects() == []
        assert site.reception.status()["last_alarm"]["kind"] == "partner_not_confirmed"
        (entry,) = site.entries("refused")
        assert entry.chain == LINK
        assert entry.draft.body["reason"] == "not_confirmed"
        site.reception.use(in_force())
        assert store(site, instance(1)).status == 0


def test_a_changed_identity_stops_sealing_with_an_alarm(site: Site) -> None:
    """A console that was taken over cannot put itself between two boxes."""
    site.reception.use(other_identity(in_force()))
    response = store(site, instance(1))
    assert response.status == Answer.PARTNER_CHANGED.status
    assert response.comment == "ALARM keys changed: caen-1"
    assert site.reception.status()["last_alarm"]["kind"] == "partner_changed"
    assert site.objects() == []


def test_a_keeper_that_is_silent_is_asked_again(tmp_path: Path) -> None:
    """It may just be starting; once it has answered it is not asked any more."""
    asked: list[str] = []

    def link_key(link: str) -> bytes:
        asked.append(link)
        if len(asked) == 1:
            raise KeeperError("the keeper does not answer")
        return LINK_KEY

    with Site(tmp_path, link_key=link_key) as site:
        assert store(site, instance(1)).status == Answer.KEEPER_SILENT.status
        assert store(site, instance(1)).status == 0
        assert store(site, instance(2)).status == 0
    assert asked == [LINK, LINK]


def test_a_new_configuration_holds_for_open_associations(site: Site) -> None:
    """A service that went away takes nothing more; the association stays."""
    with associated(site) as peer:
        gone = in_force(revision=4)
        link = gone.desired.links[0].model_copy(update={"services": []})
        desired = gone.desired.model_copy(update={"links": [link]})
        site.reception.use(type(gone)(desired, gone.card, gone.pins))
        send(peer, instance(1))
        assert peer.response().status == Answer.SERVICE_GONE.status
        site.reception.use(in_force(revision=5))
        send(peer, instance(1))
        assert peer.response().status == 0
    assert site.reception.status()["revision"] == 5


class Tap:
    """Writers that fail on demand: raises `errors[number of the instance]` at a fragment."""

    def __init__(self, errors: dict[int, Exception], *, at_finish: bool = False) -> None:
        """Make it."""
        self._errors = errors
        self._at_finish = at_finish
        self.writers: list[PlainWriter] = []

    def __call__(
        self, out_write: Callable[[bytes], None], recipients: Sequence[str], arrival: Arrival
    ) -> PlainWriter:
        """Open a writer."""
        error = self._errors.get(len(self.writers))

        def write(raw: bytes) -> None:
            out_write(raw)
            if error is not None and not self._at_finish:
                raise error

        writer = PlainWriter(write, recipients, arrival)
        if error is not None and self._at_finish:
            writer = _FailingEnd(out_write, recipients, arrival, error)
        self.writers.append(writer)
        return writer


class _FailingEnd(PlainWriter):
    def __init__(self, out_write: Any, recipients: Any, arrival: Any, error: Exception) -> None:
        super().__init__(out_write, recipients, arrival)
        self._error = error

    def finish(self) -> Any:
        """Fail."""
        raise self._error


FAULTS = [
    (OSError(errno.ENOSPC, "full"), Answer.NO_ROOM),
    (OSError(errno.EDQUOT, "quota"), Answer.NO_ROOM),
    (SpoolFullError("reserve"), Answer.NO_ROOM),
    (OSError(errno.EIO, "broken"), Answer.DISK_FAULT),
    (RuntimeError("a surprise"), Answer.FAULT),
]


@pytest.mark.parametrize(("error", "answer"), FAULTS)
@pytest.mark.parametrize("at_finish", [False, True])
def test_a_fault_in_mid_object_is_answered_and_the_next_instance_passes(
    tmp_path: Path, error: Exception, answer: Answer, at_finish: bool
) -> None:
    """On the same association; the room is given back at once."""
    tap = Tap({0: error}, at_finish=at_finish)
    with Site(tmp_path, open_writer=tap) as site, associated(site) as peer:
        send(peer, instance(1, pixels=bytes(5000)), step=700)
        response = peer.response()
        assert (response.status, response.comment) == (answer.status, answer.comment("en"))
        assert site.leftovers() == []
        assert tap.writers[0].is_aborted
        send(peer, instance(1, pixels=bytes(5000)), step=700)
        assert peer.response().status == 0


def test_the_room_of_a_failed_instance_is_free_before_its_last_fragment(tmp_path: Path) -> None:
    """Others need it."""
    tap = Tap({0: OSError(errno.ENOSPC, "full")})
    sent = instance(1)
    with Site(tmp_path, open_writer=tap) as site, associated(site) as peer:
        peer.send(data(3, store_command(CR, sent.sop_instance), command=True))
        peer.send(data(3, sent.data_set[:100], last=False))
        peer.send(data(1, b""))  # ends the association: the fragments before it have been taken
        peer.receive()
        assert site.leftovers() == []


def test_a_full_spool_says_so_and_recovers_by_itself(tmp_path: Path) -> None:
    """Before anything is written."""
    spool = Spool(tmp_path / "spool", SystemClock(), unit="receive", reserve_bytes=1 << 62)
    with Site(tmp_path, spool=spool) as site:
        response = store(site, instance(1))
        assert (response.status, response.comment) == (0xA700, Answer.NO_ROOM.comment("en"))
        assert site.reception.status()["counts"]["instance refused: no_room"] == 1


@contextmanager
def scu(site: Site, called: str = "FLERS") -> Iterator[Association]:
    """pynetdicom's own SCU."""
    ae = AE(ae_title="CR1")
    for _, abstract_syntax, syntaxes in CONTEXTS:
        ae.add_requested_context(abstract_syntax, syntaxes)
    near = ("127.0.0.1", 0)
    assoc = ae.associate("127.0.0.1", site.port, ae_title=called, bind_address=near)
    assert assoc.is_established
    try:
        yield assoc
    finally:
        assoc.release()
        assoc.join()


def test_pynetdicom_sends_to_us(site: Site) -> None:
    """Echo, store, and the comment of a refusal as a toolkit reads it."""
    sent = instance(1)
    ds = dcmread(DicomBytesIO(sent.data_set), force=True)
    ds.file_meta = _meta(sent)
    with scu(site) as assoc:
        assert assoc.send_c_echo().Status == 0
        assert assoc.send_c_store(ds).Status == 0
        del ds.StudyInstanceUID
        ds.SOPInstanceUID = "1.2.3.4"
        answer = assoc.send_c_store(ds)
        assert answer.Status == Answer.NO_STUDY.status
        assert answer.ErrorComment == Answer.NO_STUDY.comment("en")
    assert len(site.objects()) == 1


def _meta(sent: Instance) -> Any:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
    meta.MediaStorageSOPClassUID = UID(sent.sop_class)
    meta.MediaStorageSOPInstanceUID = UID(sent.sop_instance)
    return meta


def test_many_associations_at_once(site: Site) -> None:
    """Twenty senders, three instances each: all of it, nothing twice."""
    failures: list[Any] = []

    def sender(number: int) -> None:
        with associated(site) as peer:
            for index in range(3):
                send(peer, instance(number * 10 + index), step=500)
                if peer.response().status != 0:
                    failures.append((number, index))

    threads = [threading.Thread(target=sender, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len({stored.instance_key for stored in site.objects()}) == 60


class Heard:
    """Opens writers, and tells when the first byte of an instance has come."""

    def __init__(self) -> None:
        """Nothing has come."""
        self.begun = threading.Event()

    def __call__(
        self, out_write: Callable[[bytes], None], recipients: Sequence[str], arrival: Arrival
    ) -> PlainWriter:
        """Open a writer."""

        def write(raw: bytes) -> None:
            out_write(raw)
            self.begun.set()

        return PlainWriter(write, recipients, arrival)


def test_the_end_lets_the_instance_in_hand_finish(tmp_path: Path) -> None:
    """An idle association is aborted at once, a busy one after its answer."""
    heard, sent = Heard(), instance(1)
    with (
        Site(tmp_path, open_writer=heard) as site,
        associated(site) as busy,
        associated(site) as idle,
    ):
        busy.send(data(3, store_command(CR, sent.sop_instance), command=True))
        busy.send(data(3, sent.data_set[:100], last=False))
        assert heard.begun.wait(WAIT_S)
        site.server.close()
        ending = threading.Thread(target=site.server.end_associations, args=(WAIT_S,))
        ending.start()
        assert idle.receive().type == ABORT
        busy.send(data(3, sent.data_set[100:]))
        assert busy.response().status == 0
        assert busy.receive().type == ABORT
        ending.join()
    assert site.rings.acquire(blocking=False)


def test_the_end_does_not_wait_for_ever(tmp_path: Path) -> None:
    """An instance that does not come to its end is given up."""
    heard = Heard()
    with Site(tmp_path, open_writer=heard) as site, associated(site) as stuck:
        stuck.send(data(3, store_command(CR, "1.2.3"), command=True))
        stuck.send(data(3, b"x", last=False))
        assert heard.begun.wait(WAIT_S)
        site.server.close()
        site.server.end_associations(0.0)
        assert stuck.receive().type == ABORT
        site.wait_until_empty()
        assert site.leftovers() == []
