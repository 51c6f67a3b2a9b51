"""The exams of the demonstration: real files of the `pydicom-data` package, unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import data_store
import pydicom

# The package's own names: two radiographs, a CT, an MR and an ultrasound, one study each.
FILES = ("RG1_UNCI", "RG3_UNCI", "693_UNCI", "MR2_UNCI", "US1_UNCI")


@dataclass(frozen=True, slots=True)
class Exam:
    """One study to send.

    Args:
        name: for the table, such as "CR RG1_UNCI".
        instances: SOP Instance UID -> file.
    """

    name: str
    study_uid: str
    instances: dict[str, Path]


def demonstration_exams() -> list[Exam]:
    """Find the exams on disk.

    Raises:
        FileNotFoundError: the data package is not installed as expected.
    """
    return [_exam(name) for name in FILES]


def _exam(name: str) -> Exam:
    path = Path(data_store.__file__).parent / "data" / f"{name}.dcm"
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    return Exam(f"{ds.Modality} {name}", str(ds.StudyInstanceUID), {str(ds.SOPInstanceUID): path})
