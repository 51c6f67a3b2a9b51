"""What is sent: sets of instances that come out the same every time, kept by content.

Instances of one set have UIDs of one length below `UID_ROOT`, with a tag of six digits. A box knows
an instance it has sent before, so each run gives its instances another tag: `stamped`.
"""

from __future__ import annotations

import hashlib
import inspect
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import data_store
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

KEPT = Path("/var/tmp/bocage-bench")  # noqa: S108 - on the disk; only ours
SOURCES = Path(data_store.__file__).parent / "data"
UID_ROOT = "1.2.826.0.1.3680043.8.498.78"
FIRST_TAG = "100000"
PIXELS_TAG = b"\xe0\x7f\x10\x00"  # (7FE0,0010), little endian

Instances = Iterator[Dataset]


def _ct(count: int) -> Instances:
    """Slices of a real CT, each moved and with noise of its own.

    The pixels are signed of 14 bits stored in 16: the noise stays inside the range there is.
    """
    chance = np.random.default_rng(1)
    source = pydicom.dcmread(SOURCES / "693_UNCI.dcm")
    pixels = source.pixel_array
    lowest, highest = -(1 << (source.BitsStored - 1)), (1 << (source.BitsStored - 1)) - 1
    for index in range(count):
        noise = chance.integers(-4, 5, pixels.shape)
        slice_ = np.clip(np.roll(pixels, index % 37, axis=0) + noise, lowest, highest)
        yield _with(source, slice_.astype("<i2"), study=0, number=index)


def _cr() -> Instances:
    """Two real radiographs, each in its four mirrorings."""
    for which, name in enumerate(("RG1_UNCI.dcm", "RG3_UNCI.dcm")):
        source = pydicom.dcmread(SOURCES / name)
        pixels = source.pixel_array
        for way, turned in enumerate(
            (pixels, pixels[::-1], pixels[:, ::-1], pixels[::-1, ::-1]),
        ):
            yield _with(source, turned.astype("<u2"), study=which, number=4 * which + way)


def _small() -> Instances:
    """1,000 MR of 39 kB: pieces of a real one, with noise."""
    chance = np.random.default_rng(2)
    source = pydicom.dcmread(SOURCES / "MR2_UNCI.dcm")
    pixels = source.pixel_array.astype(np.int32)
    edge, most = 139, (1 << source.BitsStored) - 1
    for index in range(1000):
        y, x = chance.integers(0, np.array(pixels.shape) - edge)
        piece = pixels[y : y + edge, x : x + edge] + chance.integers(-4, 5, (edge, edge))
        yield _with(source, np.clip(piece, 0, most).astype("<u2"), study=index // 100, number=index)


def _noise(count: int, edge: int, seed: int) -> Instances:
    """Random bytes in the form of an image: nothing makes them smaller."""
    chance = np.random.default_rng(seed)
    source = pydicom.dcmread(SOURCES / "MR2_UNCI.dcm")
    source.BitsStored, source.HighBit = 16, 15
    for index in range(count):
        pixels = chance.integers(0, 1 << 16, (edge, edge), dtype=np.uint16)
        yield _with(source, pixels, study=index // 100, number=index)


SETS: dict[str, Callable[[], Instances]] = {
    "CT": lambda: _ct(100),
    "CT400": lambda: _ct(400),
    "CR": _cr,
    "small": _small,
    "random": lambda: _noise(60, 500, 3),  # 60 x 0.5 MB
    "random20": lambda: _noise(40, 500, 4),  # 40 x 0.5 MB
    "grains": lambda: _noise(1000, 139, 5),  # 1,000 x 39 kB
    "boulders": lambda: _noise(8, 3162, 6),  # 8 x 20 MB
    "backlog": lambda: _noise(1100, 500, 7),  # 550 MB
}


def _with(
    source: Dataset, pixels: NDArray[np.uint16] | NDArray[np.int16], *, study: int, number: int
) -> Dataset:
    """Put other pixels and new UIDs of a fixed length into an instance.

    Returns:
        The source itself: written before the next one is made.
    """
    source.Rows, source.Columns = pixels.shape
    source.PixelData = np.ascontiguousarray(pixels).tobytes() + b"\0" * (pixels.nbytes % 2)
    source.StudyInstanceUID = f"{UID_ROOT}.{FIRST_TAG}.1{study:05}.1"
    source.SeriesInstanceUID = f"{UID_ROOT}.{FIRST_TAG}.1{study:05}.2"
    source.SOPInstanceUID = f"{UID_ROOT}.{FIRST_TAG}.2{number:05}.3"
    source.InstanceNumber = number + 1
    source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    return source


def prepared(name: str) -> list[Path]:
    """Give the files of a set, made now if this recipe has not been followed before."""
    folder = KEPT / f"{name}-{_recipe(name)}"
    if not folder.exists():
        fresh = folder.with_name(f".{folder.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for number, instance in enumerate(SETS[name]()):
            instance.save_as(fresh / f"{number:05}.dcm", enforce_file_format=True)
        fresh.rename(folder)
    return sorted(folder.glob("*.dcm"))


def _recipe(name: str) -> str:
    """Hash all that decides the bytes: this module and the versions of its tools."""
    text = f"{name} {inspect.getsource(inspect.getmodule(_recipe) or _with)}"
    return hashlib.sha256(f"{text} {np.__version__} {pydicom.__version__}".encode()).hexdigest()[
        :12
    ]


def stamped(raw: bytes, tag: str) -> bytes:
    """Give a file or data set other UIDs, of the same length.

    Args:
        tag: six digits, the first no zero.
    """
    end = raw.index(PIXELS_TAG)
    head = raw[:end].replace(f"{UID_ROOT}.{FIRST_TAG}".encode(), f"{UID_ROOT}.{tag}".encode())
    return head + raw[end:]


def total_bytes(files: list[Path]) -> int:
    """Sum the sizes of files."""
    return sum(file.stat().st_size for file in files)
