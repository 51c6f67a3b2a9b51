"""DCMTK's senders against the real unit: real sealing, codec workers, real files.

What was sealed is opened again with the partner's key and compared byte for byte with what came
over the wire.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from bocage_edge.exam.hospital import Designator, hospital_identities
from bocage_edge.particulars import open_particulars
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.sealing import SealingWriter
from bocage_edge.receive.store import Arrival, Sealed
from bocage_edge.seal.keys import AgeKey, new_key
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.reader import open_sealed
from bocage_system.command import CommandError, LocalHost
from tests.edge.receive.test_association import associated
from tests.fakes.instances import CT, instance
from tests.fakes.scripted_peer import data, store_command
from tests.fakes.site import LINK, OWN_KEY, Site, in_force

pytestmark = pytest.mark.processes

HOST = LocalHost()
# A dozen kinds: modalities, encodings, a document of text, a waveform, a private sequence.
FILES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "693_J2KI.dcm",
    "JPEG2000.dcm",
    "examples_jpeg2k.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "examples_palette.dcm",
    "examples_ybr_color.dcm",
    "liver_expb_1frame.dcm",
    "reportsi.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
)


class Tape:
    """Opens real writers, and remembers what went into each: SHA-256 of the data set."""

    def __init__(self, pool: CodecPool) -> None:
        """Make it."""
        self._pool = pool
        self.heard: dict[str, str] = {}  # SOP instance -> digest of what came

    def __call__(
        self, out_write: Callable[[bytes], None], recipients: Sequence[str], arrival: Arrival
    ) -> _Taped:
        """Open a writer."""
        return _Taped(self, SealingWriter(self._pool, out_write, recipients, arrival), arrival)


class _Taped:
    def __init__(self, tape: Tape, writer: SealingWriter, arrival: Arrival) -> None:
        self._tape = tape
        self._writer = writer
        self._arrival = arrival
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        """Take a fragment."""
        self._hash.update(data)
        self._writer.write(data)

    def finish(self) -> Sealed | Answer:
        """End."""
        self._tape.heard[self._arrival.request.command.sop_instance] = self._hash.hexdigest()
        return self._writer.finish()

    def abort(self) -> None:
        """Give up."""
        self._writer.abort()


@pytest.fixture(scope="module")
def pool() -> Iterator[CodecPool]:
    """Codec workers."""
    with CodecPool(1) as workers:
        yield workers


@pytest.fixture
def key() -> AgeKey:
    """The partner's opening key."""
    return new_key()


@pytest.fixture
def tape(pool: CodecPool) -> Tape:
    """What came over the wire."""
    return Tape(pool)


@pytest.fixture
def site(tmp_path: Path, key: AgeKey, tape: Tape) -> Iterator[Site]:
    """A listening box that really seals."""
    with Site(tmp_path, in_force(opening=key.recipient), open_writer=tape) as listening:
        yield listening


def opened(site: Site, key: AgeKey, pool: CodecPool) -> dict[str, str]:
    """Open everything as the partner does: SOP instance -> SHA-256 of its data set."""
    found = {}
    for stored in site.objects():
        with site.spool.open(stored.name) as sealed:
            inside = open_sealed(sealed, [key.secret], pool)
            digest = hashlib.sha256()
            for block in inside.blocks():
                digest.update(block)
        found[inside.header.sop_instance] = digest.hexdigest()
    return found


def paths(*names: str) -> list[str]:
    """Find pydicom's test files."""
    return [str(get_testdata_file(name)) for name in names]


def send(site: Site, program: str, *arguments: str) -> str:
    """Run one of DCMTK's senders."""
    address = ["127.0.0.1", str(site.port)]
    return HOST.run([program, "-aet", "CR1", "-aec", "FLERS", *address, *arguments])


def test_echoscu(site: Site) -> None:
    """The first thing anybody tries."""
    send(site, "echoscu")


def test_dcmsend_sends_a_dozen_kinds_and_the_partner_reads_what_came(
    site: Site, key: AgeKey, tape: Tape, pool: CodecPool
) -> None:
    """Byte for byte."""
    send(site, "dcmsend", "-v", *paths(*FILES))
    assert len(tape.heard) == len(FILES)
    assert opened(site, key, pool) == tape.heard
    assert len(site.entries("received")) == len(FILES)


def test_storescu_in_implicit_big_endian_and_compressed(
    site: Site, key: AgeKey, tape: Tape, pool: CodecPool
) -> None:
    """One proposal after the other."""
    send(site, "storescu", "-xi", *paths("CT_small.dcm"))
    send(site, "storescu", "-xb", *paths("MR_small.dcm"))
    send(site, "storescu", "-xr", *paths("SC_rgb_rle.dcm"))
    assert opened(site, key, pool) == tape.heard


def test_the_same_in_another_syntax_is_the_same_again(site: Site) -> None:
    """An archive sends once explicit, once implicit: the content digest knows it."""
    send(site, "storescu", "-xe", *paths("CT_small.dcm"))
    send(site, "storescu", "-xi", *paths("CT_small.dcm"))
    assert len(site.objects()) == 1
    assert len(site.entries("same_again")) == 1
    assert site.entries("changed_content") == []


def test_who_gave_out_the_numbers_is_kept_with_the_exam(site: Site, tmp_path: Path) -> None:
    """For the report, which is to bear them again."""
    (source,) = paths("CT_small.dcm")
    ds = pydicom.dcmread(source)
    issuer = Dataset()
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = "1.2.250.1", "ISO"
    ds.IssuerOfPatientIDQualifiersSequence = [issuer]
    ds.save_as(tmp_path / "issued.dcm")
    send(site, "storescu", str(tmp_path / "issued.dcm"))
    (stored,) = site.objects()
    sealed = site.spool.sealed_particulars(LINK, stored.exam_id)
    assert sealed is not None
    own = hospital_identities(open_particulars(sealed, [OWN_KEY.secret]).values)
    assert own.qualifiers == Designator("", "1.2.250.1", "ISO")
    assert own.patient_id == ds.PatientID


def test_storescu_reads_the_comment_of_a_refusal(tmp_path: Path) -> None:
    """The technologist's log has the words."""
    with Site(tmp_path, in_force(pinned=False)) as site:
        with pytest.raises(CommandError) as refused:
            send(site, "storescu", "-d", "-xe", *paths("CT_small.dcm"))
        assert "Partner caen-1 is not confirmed" in refused.value.stderr


def test_a_refused_association_ends_the_sender_at_once(site: Site) -> None:
    """As a rejection, not as a connection that broke."""
    with pytest.raises(CommandError) as refused:
        HOST.run(["echoscu", "-aet", "CR9", "-aec", "FLERS", "127.0.0.1", str(site.port)])
    assert "Association Rejected" in refused.value.stderr


LARGE_FRAMES = 200
FRAME_BYTES = 1 << 20


def resident_bytes() -> int:
    """How much memory this process has. Source: proc(5), statm."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_large_instance_is_answered_in_time_with_bounded_memory(
    site: Site, key: AgeKey, tape: Tape, pool: CodecPool
) -> None:
    """200 MiB of pixels that hardly compress: the answer within 2 s of the last fragment."""
    small = instance(1, sop_class=CT, pixels=b"", rows=512, columns=1024, frames=LARGE_FRAMES)
    head = small.data_set[:-4]
    total = LARGE_FRAMES * FRAME_BYTES
    noise = os.urandom(FRAME_BYTES)
    before = highest = resident_bytes()
    with associated(site) as peer:
        peer.send(data(5, store_command(CT, small.sop_instance), command=True))
        peer.send(data(5, head + total.to_bytes(4, "little"), last=False))
        for number in range(LARGE_FRAMES):
            frame = noise[number * 7 :] + noise[: number * 7]
            for start in range(0, FRAME_BYTES, 1 << 16):
                is_last = number == LARGE_FRAMES - 1 and start + (1 << 16) == FRAME_BYTES
                peer.send(data(5, frame[start : start + (1 << 16)], last=is_last))
            highest = max(highest, resident_bytes())
        sent_at = time.monotonic()
        assert peer.response().status == 0
        answer_s = time.monotonic() - sent_at
    assert answer_s < 2.5
    assert highest - before < 200 << 20
    assert opened(site, key, pool) == tape.heard
