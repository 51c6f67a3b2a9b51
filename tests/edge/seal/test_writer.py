from __future__ import annotations

import io
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.seal.age import age_read
from bocage_edge.seal.container import MAGIC, BlockType, read_blocks
from bocage_edge.seal.errors import TruncatedError, UnidentifiedError
from bocage_edge.seal.frames import LARGEST_STRIP_BYTES
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.reader import open_sealed
from bocage_edge.seal.scanner import Fault
from bocage_edge.seal.syntax import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bocage_edge.seal.writer import InstanceWriter, is_companion
from tests.edge.seal.making import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    OPENING,
    RECIPIENTS,
    RECOVERY,
    SOP,
    STUDY,
    Writing,
    header_for,
    opened,
    seal,
)

pytestmark = pytest.mark.processes

ALL = pytest.mark.parametrize("writing", [EXPLICIT, IMPLICIT, BIG], ids=["ele", "ile", "ebe"])
MB = 1024 * 1024


def smooth(rows: int, columns: int, frames: int = 1) -> bytes:
    """Frames like those of a CT: smooth, with a little noise."""
    y, x = np.mgrid[0:rows, 0:columns]
    base = (np.sin(x / 40) * np.cos(y / 30) + 1) * 1500
    noise = np.random.default_rng(1).integers(0, 9, (frames, rows, columns))
    return bytes((base + noise).astype("<u2").tobytes())


def resident_bytes() -> int:
    """Memory of this process. Source: proc(5), statm."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ct(rows: int = 64, columns: int = 64, frames: int = 1, writing: Writing = EXPLICIT) -> bytes:
    image = writing.image(rows, columns, frames=frames, stored=12)
    return writing.identity() + image + writing.pixels(smooth(rows, columns, frames))


def block_types(sealed: bytes) -> list[BlockType]:
    plain = age_read(io.BytesIO(sealed), [OPENING.secret])
    return [block.type for block in read_blocks(plain)]


def test_a_large_frame_goes_in_strips_and_comes_back_exactly(pool: CodecPool) -> None:
    """What the codec takes of memory does not grow with the frame."""
    columns = 2048
    data = ct(16 * LARGEST_STRIP_BYTES // (2 * columns), columns)
    sealed, raw = seal(data, pool)
    assert block_types(raw).count(BlockType.FRAME) == 16
    assert opened(raw, pool) == data
    assert sealed.content_digest == seal(data, pool)[0].content_digest


def test_an_instance_is_said_to_be_what_it_is(pool: CodecPool) -> None:
    data = ct()
    sealed, raw = seal(data, pool)
    assert (sealed.dataset_bytes, sealed.coded_bytes) == (len(data), len(raw))
    who = sealed.identified
    assert (who.study_uid, who.sop_instance_uid, who.modality) == (STUDY, SOP, "CT")
    assert (who.is_companion, who.fault) == (False, None)
    found = open_sealed(io.BytesIO(raw), [RECOVERY.secret], pool)
    assert (found.header.study, found.header.called_aet) == (STUDY, "FLERS")
    assert b"".join(found.blocks()) == data
    assert found.trailer is not None
    assert found.trailer.content_digest == sealed.content_digest is not None


def test_pixels_are_coded_as_frames_and_the_rest_is_not(pool: CodecPool) -> None:
    _, raw = seal(ct(frames=3), pool)
    assert block_types(raw) == [
        BlockType.HEADER,
        BlockType.ZSTD,
        BlockType.FRAME,
        BlockType.FRAME,
        BlockType.FRAME,
        BlockType.TRAILER,
    ]


@pytest.mark.parametrize("piece", [999, 131_060, 1 << 22])
def test_a_frame_that_comes_alone_is_coded_in_parts(piece: int) -> None:
    with CodecPool(2) as pool:
        data = ct(700, 512)
        sealed, raw = seal(data, pool, piece=piece)
        assert block_types(raw).count(BlockType.FRAME) == 2
        assert opened(raw, pool) == data
        assert (
            sealed.content_digest
            == seal(ct(700, 512, writing=IMPLICIT), pool, IMPLICIT_LITTLE)[0].content_digest
        )
        assert pool.budget.taken == 0


def test_a_frame_that_ends_within_its_second_part_is_refused() -> None:
    with CodecPool(2) as pool:
        for kept in (100, 400_000, 700_000):
            data = ct(700, 512)
            with pytest.raises(TruncatedError):
                seal(data[: len(data) - 700 * 512 * 2 + kept], pool)
            assert pool.budget.taken == 0


@pytest.mark.parametrize("piece", [1, 13, 1 << 20])
def test_pieces_of_any_size_give_one_digest(pool: CodecPool, piece: int) -> None:
    data = ct(32, 40, 2)
    sealed, raw = seal(data, pool, piece=piece)
    other, _ = seal(data, pool)
    assert opened(raw, pool) == data
    assert (sealed.digest, sealed.content_digest) == (other.digest, other.content_digest)


@ALL
@given(data=st.data())
def test_any_image_comes_back_exactly(
    writing: Writing, data: st.DataObject, pool: CodecPool
) -> None:
    rows, columns = data.draw(st.integers(1, 48)), data.draw(st.integers(1, 48))
    samples, bits = (
        data.draw(st.sampled_from([1, 1, 2, 3, 4])),
        data.draw(st.sampled_from([1, 8, 16, 32])),
    )
    frames = data.draw(st.integers(1, 3))
    image = writing.image(
        rows,
        columns,
        frames=frames,
        samples=samples,
        bits=bits,
        stored=data.draw(st.integers(1, bits)),
        signed=data.draw(st.booleans()),
        planar=data.draw(st.integers(0, 2)),
        photometric=data.draw(st.sampled_from(["MONOCHROME1", "RGB", "YBR_FULL", "YBR_FULL_422"])),
    )
    size = rows * columns * samples * frames * bits // 8 + data.draw(
        st.sampled_from([0, 0, 0, 1, -1])
    )
    seed = data.draw(st.integers(0, 5))
    raw = np.random.default_rng(seed).integers(0, 256, max(size, 0), np.uint8).tobytes()
    whole = (
        writing.identity() + image + writing.pixels(raw, data.draw(st.sampled_from(["OB", "OW"])))
    )
    whole += writing.element(0xFFFCFFFC, "OB", b"\0\0")
    assert opened(seal(whole, pool, writing.syntax, piece=999)[1], pool) == whole


@given(st.binary(max_size=3000), st.sampled_from([EXPLICIT, IMPLICIT, BIG]))
def test_any_bytes_after_identification_come_back_exactly(
    pool: CodecPool, raw: bytes, writing: Writing
) -> None:
    whole = writing.identity() + b"\xff\x7f\x01\x02??\x00\x00" + raw
    try:
        sealed, coded = seal(whole, pool, writing.syntax)
    except TruncatedError:
        return  # in implicit VR such a head announces a long value
    assert sealed.identified.fault is Fault.MALFORMED
    assert sealed.content_digest is None
    assert opened(coded, pool) == whole


def test_signs_and_overlay_bits_survive(pool: CodecPool) -> None:
    cells = np.arange(-4096, 4096, dtype="<i2").reshape(64, 128)
    for pixels in (cells, cells & 0x0FFF, cells | 0x1000):
        for signed in (True, False):
            image = EXPLICIT.image(64, 128, stored=12, signed=signed)
            data = EXPLICIT.identity() + image + EXPLICIT.pixels(pixels.tobytes())
            assert opened(seal(data, pool)[1], pool) == data


@pytest.mark.parametrize(
    "charset", [b"ISO_IR 192", b"ISO 2022 IR 6\\ISO 2022 IR 87", b"GB18030", b""]
)
def test_texts_in_any_character_set_are_bytes_to_us(pool: CodecPool, charset: bytes) -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう".encode() + b"\x1b$B;3ED\x1b(B"
    data = EXPLICIT.element(0x00080005, "CS", charset) + EXPLICIT.identity()
    data += EXPLICIT.element(0x00204000, "LT", name)
    assert opened(seal(data, pool)[1], pool) == data


def test_a_cut_instance_is_refused(pool: CodecPool) -> None:
    data = ct()
    for end in (len(data) - 1, len(data) - 4000, len(EXPLICIT.identity()) + 5, 9):
        with pytest.raises(TruncatedError):
            seal(data[:end], pool)


def test_an_instance_without_study_is_refused_and_says_why(pool: CodecPool) -> None:
    with pytest.raises(UnidentifiedError, match="no Study Instance UID"):
        seal(EXPLICIT.identity(study=None) + EXPLICIT.image(4, 4), pool)


def test_an_instance_of_another_syntax_than_agreed_is_refused(pool: CodecPool) -> None:
    with pytest.raises((UnidentifiedError, TruncatedError)):
        seal(ct(), pool, IMPLICIT_LITTLE)
    with pytest.raises((UnidentifiedError, TruncatedError)):
        seal(ct(writing=IMPLICIT), pool, EXPLICIT_LITTLE)


def test_nothing_is_written_before_the_instance_is_identified(pool: CodecPool) -> None:
    out = io.BytesIO()
    writer = InstanceWriter(out.write, RECIPIENTS, header_for(EXPLICIT_LITTLE), pool)
    writer.write(EXPLICIT.identity(study=None))
    assert (writer.is_identified, out.getvalue()) == (False, b"")
    writer.write(EXPLICIT.element(0x0020000D, "UI", STUDY.encode()))
    assert (writer.is_identified, writer.study_uid, writer.modality) == (True, STUDY, "CT")
    assert out.getvalue().startswith(b"age-encryption.org/v1\n")
    writer.abort()


def test_what_the_sink_raises_reaches_the_caller_and_nothing_is_kept(pool: CodecPool) -> None:
    def full(_data: bytes) -> None:
        raise OSError(28, "no space")

    writer = InstanceWriter(full, RECIPIENTS, header_for(EXPLICIT_LITTLE), pool)
    with pytest.raises(OSError, match="no space"):
        writer.write(ct(512, 512, 4))
    writer.abort()
    writer.abort()
    assert pool.budget.taken == 0


@pytest.fixture
def stopped_pool() -> Iterator[CodecPool]:
    """Give a pool whose worker hangs."""
    with CodecPool(1) as made:
        made.try_walls().result(30)
        (pid,) = made.worker_pids()
        os.kill(pid, signal.SIGSTOP)
        yield made


def test_a_codec_that_hangs_costs_neither_the_instance_nor_the_deadline(
    stopped_pool: CodecPool, pool: CodecPool
) -> None:
    data, moments = ct(256, 256, 20), itertools.count()
    out = io.BytesIO()
    # A clock on which each look at it takes a second: the deadline passes at once.
    writer = InstanceWriter(
        out.write,
        RECIPIENTS,
        header_for(EXPLICIT_LITTLE),
        stopped_pool,
        monotonic=lambda: float(next(moments)),
    )
    writer.write(data)
    sealed = writer.finish()
    assert BlockType.FRAME not in block_types(out.getvalue())
    assert opened(out.getvalue(), pool) == data
    assert sealed.content_digest == seal(data, pool)[0].content_digest
    assert stopped_pool.budget.taken == 0


def test_a_codec_that_dies_costs_a_frame_its_ratio_only(pool: CodecPool) -> None:
    with CodecPool(1, argv=["/bin/false"]) as broken:
        data = ct(128, 128, 3)
        assert opened(seal(data, broken)[1], pool) == data


def test_a_budget_that_is_used_up_does_not_stop_anybody() -> None:
    with CodecPool(1, budget_bytes=10_000) as pool:
        assert pool.budget.try_take(9_000)
        data = ct(64, 64, 4)
        _, raw = seal(data, pool)
        assert BlockType.FRAME not in block_types(raw)
        assert opened(raw, pool) == data
        assert pool.budget.taken == 9_000


def test_memory_does_not_grow_with_the_instance(pool: CodecPool) -> None:
    rows = columns = 512
    frame, frames = smooth(rows, columns), 600
    head = EXPLICIT.identity() + EXPLICIT.image(rows, columns, frames=frames)
    size = len(frame) * frames
    head += EXPLICIT.element(0x7FE00010, "OW", b"", size)
    before = resident_bytes()
    taken = [0]
    writer = InstanceWriter(lambda _: None, RECIPIENTS, header_for(EXPLICIT_LITTLE), pool)
    writer.write(head)
    for number in range(frames):
        for start in range(0, len(frame), 65_536):
            writer.write(frame[start : start + 65_536])
        if number % 25 == 0:
            taken.append(resident_bytes() - before)
    sealed = writer.finish()
    assert sealed.dataset_bytes == len(head) + size > 300 * MB
    assert max(taken) < 80 * MB


@pytest.mark.parametrize(("rows", "expected"), [(4096, True), (4097, False)])
def test_a_frame_of_64_mib_is_coded_and_a_larger_one_is_not(rows: int, expected: bool) -> None:
    # A pool of its own: one that has measured a busy machine would rather take zstd.
    columns = 8192
    value = np.zeros((rows, columns), "<u2").tobytes()
    data = EXPLICIT.identity() + EXPLICIT.image(rows, columns) + EXPLICIT.pixels(value)
    with CodecPool(2) as pool:
        _, raw = seal(data, pool, piece=MB)
        assert (BlockType.FRAME in block_types(raw)) is expected
        assert opened(raw, pool) == data


def test_no_patient_byte_lies_open_in_the_object(pool: CodecPool) -> None:
    _, raw = seal(ct(), pool)
    assert b"Doe^Jane" not in raw
    assert STUDY.encode() not in raw
    assert MAGIC not in raw


@pytest.mark.parametrize(
    ("sop_class", "modality", "companion"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", "CT", False),
        ("1.2.840.10008.5.1.4.1.1.1.1", "DX", False),
        ("1.2.840.10008.5.1.4.1.1.7", "CR", True),
        ("1.2.840.10008.5.1.4.1.1.7.2", "US", True),
        ("1.2.840.10008.5.1.4.1.1.77.1.4", "XC", False),
        ("1.2.840.10008.5.1.4.1.1.88.67", "SR", True),
        ("1.2.840.10008.5.1.4.1.1.88.59", "KO", True),
        ("1.2.840.10008.5.1.4.1.1.11.1", "PR", True),
        ("1.2.840.10008.5.1.4.1.1.104.1", "OT", True),
        ("1.2.3.4", "SR", True),
        ("1.2.3.4", None, False),
    ],
)
def test_companions_are_known(sop_class: str, modality: str | None, companion: bool) -> None:
    assert is_companion(sop_class, modality) is companion
