"""What a reading site's systems make and send: DCMTK's structured reports and PDFs, and Orthanc."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pydicom
from pydicom.uid import generate_uid

from bocage_provisioning.lab.desired import DICOM_PORT, REPORT_AET, STATION_AET
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS
from bocage_provisioning.lab.waiting import listening_ports, wait_until
from bocage_system.command import LocalHost, spawn
from tests.integration.files import File

ROOT = Path(__file__).parents[2]
ORTHANC_HTTP_PORT, ORTHANC_DICOM_PORT = 8042, 4242
_SR = Template("""<?xml version="1.0" encoding="ISO-8859-1"?>
<report type="Basic Text SR">
<sopclass uid="1.2.840.10008.5.1.4.1.1.88.11">BasicTextSRStorage</sopclass>
<charset>ISO_IR 100</charset>
<modality>SR</modality>
<patient>
<id>$patient_id</id><issuer>$issuer</issuer>
<name><first>Num\u00e9ro</first><last>Essai</last></name>
<birthday><date>1960-01-01</date></birthday>
</patient>
<study uid="$study"><accession><number>$accession</number></accession></study>
<series uid="$series"><number>1</number></series>
<instance uid="$instance"><number>1</number></instance>
<document>
<preliminary flag="$flag"/>
<completion flag="COMPLETE"></completion>
<verification flag="UNVERIFIED"></verification>
<content>
<date>2026-12-01</date><time>08:15:00</time>
<container flag="SEPARATE">
<concept><value>18748-4</value><scheme><designator>LN</designator></scheme>
<meaning>Diagnostic Imaging Report</meaning></concept>
<text><relationship>CONTAINS</relationship>
<concept><value>121071</value><scheme><designator>DCM</designator></scheme>
<meaning>Finding</meaning></concept>
<value>Pas de fracture r\u00e9cente.</value></text>
</container>
</content>
</document>
</report>
""")


def sr_by_dcmtk(
    folder: Path,
    study: str,
    *,
    patient_id: str = "",
    issuer: str = "",
    accession: str = "",
    flag: str = "FINAL",
) -> File:
    """Let xml2dsr write a structured report, and dsrdump agree that it is one."""
    uid = str(generate_uid())
    source, path = folder / f"{uid}.xml", folder / f"{uid}.dcm"
    text = _SR.substitute(
        patient_id=patient_id, issuer=issuer, study=study, accession=accession, flag=flag,
        series=generate_uid(), instance=uid,
    )  # fmt: skip
    source.write_text(text, encoding="latin-1")
    host = LocalHost()
    host.run(["xml2dsr", source, path])
    assert "Pas de fracture" in host.run(["dsrdump", path])
    return file_of(path)


def pdf_by_dcmtk(folder: Path, exam: Path, *options: str) -> File:
    """Let pdf2dcm put a PDF into the study of an instance."""
    source = folder / "report.pdf"
    source.write_bytes(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
    path = folder / f"{generate_uid()}.dcm"
    LocalHost().run(["pdf2dcm", "--study-from", exam, *options, source, path])
    return file_of(path)


def file_of(path: Path) -> File:
    """Describe a file that somebody else has written."""
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    syntax = str(ds.file_meta.TransferSyntaxUID)
    return File(path, str(ds.SOPInstanceUID), str(ds.StudyInstanceUID), syntax)


@dataclass(frozen=True, slots=True)
class Orthanc:
    """An Orthanc at the reading site."""

    namespace: str

    def ask(self, *requests: object) -> list[dict[str, object]]:
        """Make requests from beside it; see `tests.bench.rest`."""
        printed = LocalHost(self.namespace).run(
            ["env", "-C", ROOT, sys.executable, "-m", "tests.bench.rest", str(ORTHANC_HTTP_PORT)],
            stdin=json.dumps(requests),
            timeout_s=120,
        )
        found: list[dict[str, object]] = json.loads(printed)
        return found

    def send(self, paths: Sequence[Path]) -> None:
        """Take files in, and send them to the box's service for reports."""
        taken = self.ask(*(["POST", "/instances", str(path)] for path in paths))
        ids = [each["answer"]["ID"] for each in taken]  # type: ignore[index]
        job = {"Resources": ids, "Asynchronous": True}
        (said,) = self.ask(["JOB", "/modalities/box/store", job, 60])
        assert said["answer"] == "Success", said


@contextmanager
def orthanc(namespace: str, folder: Path) -> Iterator[Orthanc]:
    """Run Orthanc in a site's namespace, with the box as a modality of its."""
    folder.mkdir()
    settings = {
        "Name": "cabinet",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [],
        "HttpPort": ORTHANC_HTTP_PORT,
        "RemoteAccessAllowed": True,
        "AuthenticationEnabled": False,
        "DicomAet": STATION_AET,
        "DicomPort": ORTHANC_DICOM_PORT,
        "DicomModalities": {"box": [REPORT_AET, BOX_LAN_ADDRESS, DICOM_PORT]},
        "SaveJobs": False,
    }
    path = folder / "settings.json"
    path.write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        child = spawn(["Orthanc", path], namespace=namespace, stderr=log)
        try:
            tables = [Path(f"/proc/{child.pid}/net/{name}") for name in ("tcp", "tcp6")]
            wait_until(
                lambda: any(ORTHANC_HTTP_PORT in listening_ports(t.read_text()) for t in tables),
                30,
                "Orthanc",
            )
            yield Orthanc(namespace)
        finally:
            child.kill_group()
            child.wait(10)
            shutil.rmtree(folder, ignore_errors=True)
