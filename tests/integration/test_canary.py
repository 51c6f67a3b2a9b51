"""Nothing a patient could be known by is written in the open by any box, whatever path it takes."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
import zstandard

from bocage_provisioning.lab.desired import DICOM_PORT, MODALITY_AET, ROUTINE_AET, URGENT_AET
from bocage_provisioning.lab.namespaces import pids
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import LocalHost
from tests.integration.canary import (
    INSIDE_A_SEAL,
    Marks,
    Search,
    files_below,
    large_pixels,
    marked,
    marked_pdf,
    open_files,
)
from tests.integration.files import File
from tests.integration.heavy import ByHand, by_hand
from tests.integration.road import ARRIVAL_TIMEOUT_S, Road

pytestmark = pytest.mark.integration

OUTSIDE_ITS_FOLDERS = (Path("/tmp"), Path("/var/tmp"), Path("/var/log"), Path("/dev/shm"))  # noqa: S108
SUCCESS = 0x0000
HALF_BYTES = 8 << 20


def traces(road: Road, marks: Marks, since: float, *but: Path) -> list[str]:
    """Search everything both boxes have, and whatever else was written meanwhile.

    Args:
        since: Unix seconds of the beginning.
        but: the sender's files and the station's.
    """
    lab = road.lab
    search = Search(marks)
    boxes = [lab.hospital, lab.practice]
    own = [folder for box in boxes for folder in (box.state, box.run)] + [lab.disk / "logs"]
    peers = [lab.station.received, lab.pacs.received]
    return [
        *Search(marks, (INSIDE_A_SEAL,)).through(files_below(own)),
        *search.through(files_below(OUTSIDE_ITS_FOLDERS, but=[*but, *peers, *own], since=since)),
        *search.through(path for path in Path("/").glob("core*") if path.is_file()),
        *search.through(open_files(pids(LocalHost(), [box.namespace for box in boxes]))),
    ]


def test_no_mark_of_a_patient_is_left_on_either_box(heavy: Road, tmp_path: Path) -> None:
    """Taken, refused, again, changed, cut, crashed; on its way, and after it has arrived."""
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    marks, since = Marks.new(), time.time()
    practice = heavy.lab.practice
    before = len(heavy.entries(practice, "stored"))
    with heavy.station(kept) as station:
        practice.stop("deliver")
        files = _send_what_is_taken(heavy, sent, marks)
        _send_what_is_refused(heavy, sent, marks)
        for end in (_hang_up, _crash):
            _send_half(heavy, sent, marks, end, lambda: traces(heavy, marks, since, tmp_path))
        wait_until(
            lambda: len(heavy.entries(practice, "stored")) - before == len(files),
            ARRIVAL_TIMEOUT_S,
            "objects at the practice",
        )
        assert traces(heavy, marks, since, tmp_path) == []
        practice.start("deliver")
        wait_until(lambda: len(station()) == len(files), ARRIVAL_TIMEOUT_S, "all instances")
        assert {each.data_set() for each in station()} == {file.data_set() for file in files}
        heavy.wait_settled()
    assert traces(heavy, marks, since, tmp_path) == []
    heavy.verify_spools()


def _send_what_is_taken(road: Road, folder: Path, marks: Marks) -> list[File]:
    """Send new ones by two services, one of them again, and one with other content."""
    routine = marked(folder, marks, 10)
    urgent = marked(folder, marks, 11, charset="ISO_IR 192")
    document = marked_pdf(folder, marks, 12)
    changed = marked(folder, marks, 10)
    ds = pydicom.dcmread(changed.path)
    ds.PatientComments = marks.fill("{1} other {0}")
    ds.save_as(changed.path)
    taken = road.send([routine.path, document.path, routine.path, changed.path], ROUTINE_AET)
    taken += road.send([urgent.path], URGENT_AET)
    assert [answer.status for answer in taken] == [SUCCESS] * 5
    return [routine, urgent, document, changed]


def _send_what_is_refused(road: Road, folder: Path, marks: Marks) -> None:
    """Send one without a study, one cut short, one that is another than announced."""
    lost, cut, other = (marked(folder, marks, number) for number in (20, 21, 22))
    ds = pydicom.dcmread(lost.path)
    del ds.StudyInstanceUID
    ds.save_as(lost.path)
    cut.path.write_bytes(cut.path.read_bytes()[:-1000])
    ds = pydicom.dcmread(other.path)
    ds.SOPInstanceUID = marks.uid(23)
    ds.save_as(other.path)
    refused = road.send([lost.path, cut.path, other.path])
    assert [answer.status == SUCCESS for answer in refused] == [False] * 3
    said = road.associate([other.path], "NOWHERE", MODALITY_AET)
    assert said["associated"] is False


def _send_half(
    road: Road,
    folder: Path,
    marks: Marks,
    end: Callable[[Road, ByHand], None],
    look: Callable[[], list[str]],
) -> None:
    """Send half an instance, look while it lies there, and end the association in some way."""
    file, incoming = folder / "half", road.lab.hospital.state / "spool" / "incoming"
    head = marked(folder, marks, 30).data_set()
    file.write_bytes(head[: -64 * 48 * 2 - 12] + large_pixels(marks, HALF_BYTES))
    with by_hand(road) as modality:
        modality.begin(marks.uid(30), file)
        wait_until(lambda: _bytes_in(incoming) > HALF_BYTES // 4, 30, "half an instance")
        assert look() == []
        end(road, modality)
        wait_until(lambda: not _bytes_in(incoming), 30, "the half instance thrown away")


def _hang_up(_road: Road, modality: ByHand) -> None:
    modality.hang_up()


def _crash(road: Road, _modality: ByHand) -> None:
    """End the unit as the C library does when it finds its memory broken: that leaves a core."""
    hospital = road.lab.hospital
    hospital.wait_restarted("receive", hospital.kill("receive", signal.SIGABRT))
    hospital.wait_listening("receive", DICOM_PORT)


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_below([folder]))


SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode("latin-1"),
    "utf-8": lambda text: text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "hex": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.b64encode(b"x" + text.encode()),
    "zstd": lambda text: zstandard.compress(text.encode() * 3),
}


def test_the_search_finds_marks_that_were_planted(heavy: Road) -> None:
    """Without this the test above could not fail."""
    marks, folder = Marks.new(), heavy.lab.hospital.state / "planted"
    folder.mkdir()
    for name, text in {"letters": "{0}", "foreign": "{1}", "digits": "{3}"}.items():
        for spelling, spelt in SPELLINGS.items():
            around = b"\0" * 1000
            (folder / f"{name} {spelling}").write_bytes(around + spelt(marks.fill(text)) + around)
    (folder / marks.letters).touch()
    try:
        found = {line.partition(":")[0] for line in traces(heavy, marks, time.time())}
        assert found == {str(path) for path in folder.iterdir()}
    finally:
        shutil.rmtree(folder)


def test_the_search_finds_a_mark_in_a_page_that_a_database_has_given_up(tmp_path: Path) -> None:
    marks = Marks.new()
    with contextlib.closing(sqlite3.connect(tmp_path / "some.db")) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("CREATE TABLE patient (name TEXT)")
        db.execute("INSERT INTO patient VALUES (?)", (marks.letters,))
        db.commit()
        db.execute("DELETE FROM patient")
        db.commit()
    assert Search(marks).through(files_below([tmp_path]))


def test_the_search_finds_a_mark_in_a_file_without_a_name() -> None:
    marks = Marks.new()
    with tempfile.TemporaryFile() as file:
        file.write(marks.letters.encode())
        file.flush()
        assert Search(marks).through(open_files([os.getpid()]))
