"""The whole demonstration, step by step, over a laboratory that is up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rich.progress import Progress

from bocage_contract.ledger import Entry
from bocage_provisioning.demo.answer import write_report
from bocage_provisioning.demo.exams import Exam, demonstration_exams
from bocage_provisioning.demo.journey import Arrival, travel
from bocage_provisioning.demo.ledgers import entries, reconcile
from bocage_provisioning.demo.outcome import ExamOutcome, Outcome
from bocage_provisioning.demo.reference import capture
from bocage_provisioning.lab.desired import MODALITY_AET, STATION_AET
from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.waiting import wait_until

RECEIPT_TIMEOUT_S = 60.0


class Demonstration:
    """Sends each exam, watches it arrive, sends its report back, and compares."""

    def __init__(self, lab: Laboratory, progress: Progress) -> None:
        """Work in a laboratory whose boxes are up."""
        self._lab = lab
        self._progress = progress
        self._seen_entry = 0

    def run(self) -> Outcome:
        """Do all of it.

        Raises:
            CommandError: a peer's program failed.
        """
        exams = demonstration_exams()
        everything = {uid: path for exam in exams for uid, path in exam.instances.items()}
        topology = self._lab.topology
        sent = capture(self._lab, topology.hospital_lan, MODALITY_AET, everything)
        outcomes: list[ExamOutcome] = []
        faults: list[str] = []
        for exam in exams:
            try:
                outcomes.append(self._one(exam, {uid: sent[uid] for uid in exam.instances}))
            except LabError as error:
                faults.append(f"{exam.name}: {error}")
        agree, differences = self._reconcile(len(outcomes))
        return Outcome(tuple(outcomes), agree, (*faults, *differences))

    def _one(self, exam: Exam, sent: dict[str, bytes]) -> ExamOutcome:
        lab = self._lab
        files = list(exam.instances.values())
        there = self._watched(
            exam.name,
            sum(map(len, sent.values())),
            lambda told: travel(lambda: lab.modality_send(files), lab.station_received, sent, told),
        )
        wire_bytes = self._wire_bytes(len(sent))
        back = self._report(exam)
        return ExamOutcome(
            name=exam.name,
            instances=there.instances,
            bytes=sum(map(len, sent.values())),
            wire_bytes=wire_bytes,
            seconds=round(there.seconds, 3),
            digests_equal=there.equal,
            report_seconds=round(back.seconds, 3),
            report_equal=back.equal,
        )

    def _report(self, exam: Exam) -> Arrival:
        lab = self._lab
        exam_file = next(iter(exam.instances.values()))
        path = lab.disk / f"report-{exam_file.stem}.dcm"
        uid = write_report(exam_file, path, _text(exam), datetime.now())
        sent = capture(lab, lab.topology.practice_lan, STATION_AET, {uid: path})
        return self._watched(
            "  report back",
            sum(map(len, sent.values())),
            lambda told: travel(lambda: lab.station_send([path]), lab.pacs_received, sent, told),
        )

    def _watched(
        self, name: str, total: int, journey: Callable[[Callable[[int, int], None]], Arrival]
    ) -> Arrival:
        task = self._progress.add_task(name, total=total)
        return journey(lambda done, _all: self._progress.update(task, completed=done))

    def _wire_bytes(self, objects: int) -> int:
        """Add up what the relay says it put on the line for the exam just sent."""
        found: list[Entry] = []

        def _all_sent() -> bool:
            new = entries(self._lab.hospital, self._seen_entry)
            found[:] = [entry for entry in new if entry.kind == "sent"]
            return sum(len(entry.body["objects"]) for entry in found) >= objects

        wait_until(_all_sent, RECEIPT_TIMEOUT_S, "the partner's receipt")
        self._seen_entry = max(entry.n for entry in found)
        return sum(int(entry.body["wire_bytes"]) for entry in found)

    def _reconcile(self, exams: int) -> tuple[bool, list[str]]:
        """Wait until each box holds the other's last word, then compare on both."""
        boxes = (self._lab.hospital, self._lab.practice)
        reports = [reconcile(box, RECEIPT_TIMEOUT_S) for box in boxes]
        faults = [] if all(report.settled for report in reports) else ["receipts are missing"]
        faults += [fault for report in reports for fault in report.faults]
        delivered = sum(report.delivered for report in reports)
        if delivered < 2 * exams:
            faults.append(f"{delivered} deliveries in the ledgers, {2 * exams} were seen")
        return all(report.agree for report in reports) and not faults, faults


def _text(exam: Exam) -> list[str]:
    return [
        "Compte rendu de téléradiologie (démonstration)",
        f"Examen : {exam.name}",
        "Examen lu sur la station du cabinet.",
        "Ce document a été fabriqué pour la démonstration et ne décrit personne.",
    ]
