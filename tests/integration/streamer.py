"""A modality that makes what it sends while it sends it, and holds no more than a frame.

Usage: python -m tests.integration.streamer ADDRESS PORT CALLING CALLED KIND BYTES SEED
       python -m tests.integration.streamer ADDRESS PORT CALLING CALLED tiny COUNT SEED ASSOCIATIONS
       python -m tests.integration.streamer ADDRESS PORT CALLING CALLED by_hand

KIND is `frames` (a multi-frame CT with noise), `noise` (the same shape, incompressible),
`one_frame`, or `wide_frames` and `wide_noise`, the largest that the image codec is given. Prints
one JSON object.
For one instance: `uid`, `bytes`, `sha256`, `status`, `comment`, `sent_s` (first fragment to last)
and `answer_s` (last fragment to answer). For `tiny`: `answers`, a list of (uid, status, monotonic
second of the answer), and their `sha256` by uid.
`by_hand` does what it is told, a line each, over one association: `begin SOP_INSTANCE_UID FILE`
sends a CR's command and the bytes of a file, `end FILE` the last bytes; then it prints the answer,
a list of status and comment.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.integration import pdu

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
CR = "1.2.840.10008.5.1.4.1.1.1"
UID_ROOT = "1.2.826.0.1.3680043.8.498.77"
FRAGMENT_BYTES = pdu.MAX_PDU_BYTES - 6
EDGE = 512
FRAME_BYTES = EDGE * EDGE * 2
WIDE = 11  # times as wide and high: 60.5 MiB a frame; the codec takes up to 64
MARK = b"PLAINTEXT-PIXELS-OF-THE-SENDER--"  # in every frame: 32 bytes that no disk may show
_DIFFERENT_FRAMES = 16


def main(arguments: Sequence[str]) -> int:
    """Send."""
    address, port, calling, called, kind, *words = arguments
    to = (address, int(port)), calling, called
    if kind == "by_hand":
        send_by_hand(to, sys.stdin)
        return 0
    amount, seed, *rest = words
    if kind == "tiny":
        said = send_tiny(to, int(amount), int(seed), int(rest[0]))
    else:
        said = send_one(to, kind, int(amount), int(seed))
    print(json.dumps(said))
    return 0


To = tuple[tuple[str, int], str, str]


def send_one(to: To, kind: str, size: int, seed: int) -> dict[str, object]:
    """Stream one large instance."""
    uid, digest, sent = f"{UID_ROOT}.{seed}.1", hashlib.sha256(), 0
    association = pdu.Requestor(*to, ENHANCED_CT, ExplicitVRLittleEndian)
    association.begin(uid)
    began = time.monotonic()
    held: bytes | memoryview = b""
    for fragment in fragments(parts(kind, size, seed, uid)):
        if held:
            association.fragment(held, is_last=False)
        digest.update(fragment)
        sent += len(fragment)
        held = fragment
    association.fragment(held, is_last=True)
    last = time.monotonic()
    status, comment = association.answer()
    answered = time.monotonic()
    association.release()
    return {
        "uid": uid,
        "bytes": sent,
        "sha256": digest.hexdigest(),
        "status": status,
        "comment": comment,
        "sent_s": last - began,
        "answer_s": answered - last,
    }


def parts(kind: str, size: int, seed: int, uid: str) -> Iterator[bytes]:
    """Give a data set of about `size` bytes, head first, then pixel data piece by piece."""
    count = max(1, size // FRAME_BYTES)
    ds = _head(uid, seed)
    ds.Rows, ds.Columns, ds.NumberOfFrames = EDGE, EDGE, count
    if kind in ("one_frame", "wide_frames", "wide_noise"):
        side = math.isqrt(count) if kind == "one_frame" else WIDE
        ds.Rows, ds.Columns, ds.NumberOfFrames = EDGE * side, EDGE * side, count // side**2
        count -= count % side**2
    yield _encoded(ds) + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, count * FRAME_BYTES)
    yield from (_noise if kind.endswith("noise") else _slices)(count, seed)


def _slices(count: int, seed: int) -> Iterator[bytes]:
    """Round bodies with tissue and noise, each moved a little: no two alike, codes about 2:1."""
    chance = np.random.default_rng(seed)
    bodies = [_slice(chance) for _ in range(_DIFFERENT_FRAMES)]
    for index in range(count):
        frame = np.roll(bodies[index % _DIFFERENT_FRAMES], index * 7, axis=1)
        yield MARK + frame.tobytes()[len(MARK) :]


def _slice(chance: np.random.Generator) -> NDArray[np.uint16]:
    y, x = np.mgrid[-1 : 1 : EDGE * 1j, -1 : 1 : EDGE * 1j]
    body = 1000 * (x * x + y * y < 0.7) + 120 * np.sin(9 * x) * np.cos(7 * y)
    noisy = body + chance.normal(40, 12, (EDGE, EDGE))
    slice_: NDArray[np.uint16] = np.clip(noisy, 0, 4095).astype("<u2")
    return slice_


def _noise(count: int, seed: int) -> Iterator[bytes]:
    chance = np.random.default_rng(seed)
    for _ in range(count):
        yield MARK + chance.bytes(FRAME_BYTES - len(MARK))


def fragments(pieces: Iterator[bytes]) -> Iterator[bytes | memoryview]:
    """Cut pieces into fragments that fill a PDU; the last is what is left."""
    left = b""
    for piece in pieces:
        data = memoryview(left + piece if left else piece)
        whole = len(data) - len(data) % FRAGMENT_BYTES
        for start in range(0, whole, FRAGMENT_BYTES):
            yield data[start : start + FRAGMENT_BYTES]
        left = bytes(data[whole:])
    yield left


def send_by_hand(to: To, orders: Iterable[str]) -> None:
    """Do what somebody types."""
    association = pdu.Requestor(*to, CR, ExplicitVRLittleEndian)
    for order in orders:
        what, *words = order.split()
        if what == "begin":
            association.begin(words[0])
        pieces = [*fragments(iter([Path(words[-1]).read_bytes()]))]
        for fragment in pieces[:-1]:
            association.fragment(fragment, is_last=False)
        association.fragment(pieces[-1], is_last=what == "end")
        if what == "end":
            print(json.dumps(association.answer()), flush=True)
    association.release()


def send_tiny(to: To, count: int, seed: int, associations: int) -> dict[str, object]:
    """Send many small instances, a share over each association."""
    answers: list[tuple[str, int, float]] = []
    digests: dict[str, str] = {}
    lock = threading.Lock()

    def send_share(numbers: range) -> None:
        association = pdu.Requestor(*to, CR, ExplicitVRLittleEndian)
        for number in numbers:
            uid, data = tiny(number, seed)
            association.begin(uid)
            association.fragment(data, is_last=True)
            status, _comment = association.answer()
            with lock:
                answers.append((uid, status, time.monotonic()))
                digests[uid] = hashlib.sha256(data).hexdigest()
        association.release()

    shares = [range(first, count, associations) for first in range(associations)]
    threads = [threading.Thread(target=send_share, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"answers": answers, "sha256": digests}


def tiny(number: int, seed: int) -> tuple[str, bytes]:
    """Make a small instance, 20 to a study: UID and data set."""
    uid = _numbered(seed, 2, number)
    data = _one_tiny(seed).replace(_numbered(seed, 2, 0).encode(), uid.encode())
    study = _numbered(seed, 3, number // 20)
    data = data.replace(_numbered(seed, 3, 0).encode(), study.encode())
    return uid, data + struct.pack("<I", number)


@functools.cache
def _one_tiny(seed: int) -> bytes:
    ds = _head(_numbered(seed, 2, 0), seed)
    ds.SOPClassUID, ds.Modality = CR, "CR"
    ds.StudyInstanceUID = _numbered(seed, 3, 0)
    ds.Rows, ds.Columns = 16, 16
    pixels = np.arange(254, dtype="<u2").tobytes()  # two more follow
    return _encoded(ds) + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 512) + pixels


def _numbered(seed: int, kind: int, number: int) -> str:
    return f"{UID_ROOT}.{seed}.{kind}.{10_000_000 + number}"  # all of one length


def _head(uid: str, seed: int) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = ENHANCED_CT, uid
    ds.StudyInstanceUID = f"{UID_ROOT}.{seed}.3"
    ds.SeriesInstanceUID = f"{UID_ROOT}.{seed}.4"
    ds.PatientName, ds.PatientID, ds.Modality = "Essai^Grand", "T-1", "CT"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    return ds


def _encoded(ds: Dataset) -> bytes:
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, False
    write_dataset(file, ds)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
