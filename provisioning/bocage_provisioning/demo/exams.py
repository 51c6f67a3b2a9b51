"""The exams of the demonstration: real files of `pydicom-data`, and what goes with them.

The files go out unchanged. Each exam gets a request, as a scanned page; the first also a prior: the
same radiograph under other UIDs, a year older.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import data_store
import pydicom
from pydicom.uid import generate_uid

from bocage_provisioning.demo.documents import write_request
from bocage_provisioning.lab.desired import PRIOR_AET, ROUTINE_AET, URGENT_AET

# The package's own names, each a study of its own: two radiographs, a CT, an MR and an ultrasound;
# and the service each is sent to.
PLAN = (
    ("RG1_UNCI", ROUTINE_AET),
    ("RG3_UNCI", ROUTINE_AET),
    ("693_UNCI", URGENT_AET),
    ("MR2_UNCI", URGENT_AET),
    ("US1_UNCI", URGENT_AET),
)
# What a prior is of, and what goes over again under new UIDs while the line is down.
PRIOR_OF = PLAN[0][0]
OUTAGE = (("RG3_UNCI", ROUTINE_AET), ("693_UNCI", URGENT_AET))


@dataclass(frozen=True, slots=True)
class Exam:
    """One study to send.

    Args:
        name: for the table, such as "CR RG1_UNCI".
        service: called AE title.
        instances: SOP Instance UID -> file, in the order they are sent.
    """

    name: str
    service: str
    study_uid: str
    instances: dict[str, Path]

    @property
    def image(self) -> Path:
        """The file that is to be read."""
        return next(iter(self.instances.values()))

    @property
    def is_prior(self) -> bool:
        """Whether it only goes with another exam: nobody reports on it."""
        return self.service == PRIOR_AET


def planned_exams(folder: Path, now: datetime) -> list[Exam]:
    """Find the exams on disk, and write what goes with them.

    Args:
        folder: for what is written.
        now: the date the requests bear.

    Raises:
        FileNotFoundError: the data package is not installed as expected.
    """
    prior = _renewed(_real(PRIOR_OF), folder, years_back=1)
    exams = [_exam(f"{PRIOR_OF} prior", PRIOR_AET, prior)]
    return exams + [_requested(name, to, _real(name), folder, now) for name, to in PLAN]


def outage_exams(folder: Path, now: datetime) -> list[Exam]:
    """Write two more exams, the urgent one last."""
    return [
        _requested(f"{name} again", to, _renewed(_real(name), folder), folder, now)
        for name, to in OUTAGE
    ]


def _real(name: str) -> Path:
    return Path(data_store.__file__).parent / "data" / f"{name}.dcm"


def _exam(name: str, service: str, path: Path) -> Exam:
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    instances = {str(ds.SOPInstanceUID): path}
    return Exam(f"{ds.Modality} {name}", service, str(ds.StudyInstanceUID), instances)


def _requested(name: str, service: str, path: Path, folder: Path, now: datetime) -> Exam:
    exam = _exam(name, service, path)
    target = folder / f"request-{path.stem}.dcm"
    lines = ["Demande d'examen (démonstration)", f"Examen : {exam.name}", "Motif : essai"]
    uid = write_request(path, target, lines, now)
    exam.instances[uid] = target
    return exam


def _renewed(path: Path, folder: Path, *, years_back: int = 0) -> Path:
    """Copy a file under new UIDs, some years older."""
    ds = pydicom.dcmread(path)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    if years_back and ds.get("StudyDate"):
        ds.StudyDate = f"{int(ds.StudyDate[:4]) - years_back}{ds.StudyDate[4:]}"
    target = folder / f"copy-{path.stem}-{years_back}.dcm"
    ds.save_as(target, enforce_file_format=True)
    return target
