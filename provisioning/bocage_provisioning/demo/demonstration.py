"""The whole demonstration, step by step, over a laboratory that is up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.progress import Progress

from bocage_contract.ledger import Entry
from bocage_provisioning.demo.agreement import TIMEZONE
from bocage_provisioning.demo.day import Day
from bocage_provisioning.demo.documents import write_report
from bocage_provisioning.demo.exams import Exam, outage_exams, planned_exams
from bocage_provisioning.demo.journey import Arrival, travel
from bocage_provisioning.demo.ledgers import entries, reconcile
from bocage_provisioning.demo.outcome import Check, ExamOutcome, Outcome
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
        self._day = Day(lab)
        self._seen_entry = 0
        self._faults: list[str] = []
        self._checks: list[Check] = []

    def run(self) -> Outcome:
        """Do all of it.

        Raises:
            CommandError: a peer's program failed.
        """
        day, now = self._day, self._now()
        exams, late = planned_exams(self._lab.disk, now), outage_exams(self._lab.disk, now)
        sent = self._captured([*exams, *late])
        self._claim(lambda: day.refusal(exams[-1]))
        outcomes = self._journeys(exams, sent)
        of_late = {uid: sent[uid] for exam in late for uid in exam.instances}
        self._claim(lambda: day.overtaking(late, of_late))
        self._claim(lambda: day.again(exams[1]))
        self._claim(lambda: day.manifests([*exams, *late]))
        self._claim(lambda: day.matching(exams))
        instances = sum(len(exam.instances) for exam in (*exams, *late))
        agree, differences = self._reconcile(instances + sum(not exam.is_prior for exam in exams))
        self._claim(day.files)
        checks, statement = day.statements(f"{now:%Y-%m}")
        return Outcome(
            tuple(self._with_slots(outcomes)),
            agree,
            (*self._faults, *differences),
            (*self._checks, *checks),
            statement,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._lab.now(), ZoneInfo(TIMEZONE))

    def _captured(self, exams: Sequence[Exam]) -> dict[str, bytes]:
        everything = {uid: path for exam in exams for uid, path in exam.instances.items()}
        return capture(self._lab, self._lab.topology.hospital_lan, MODALITY_AET, everything)

    def _claim(self, act: Callable[[], Check]) -> None:
        """Do one act of the day; one that comes to no end does not hold up the others."""
        try:
            check = act()
        except LabError as error:
            self._faults.append(str(error))
            return
        self._checks.append(check)
        self._progress.console.print(f"· {check.claim}: {check.seen}", markup=False)

    def _journeys(self, exams: Sequence[Exam], sent: dict[str, bytes]) -> list[ExamOutcome]:
        outcomes = []
        for exam in exams:
            try:
                outcomes.append(self._one(exam, {uid: sent[uid] for uid in exam.instances}))
            except LabError as error:
                self._faults.append(f"{exam.name}: {error}")
        return outcomes

    def _one(self, exam: Exam, sent: dict[str, bytes]) -> ExamOutcome:
        lab = self._lab
        files = list(exam.instances.values())
        there = self._watched(
            exam.name,
            sum(map(len, sent.values())),
            lambda told: travel(
                lambda: lab.modality_send(files, exam.service), lab.station_received, sent, told
            ),
        )
        wire_bytes = self._wire_bytes(len(sent))
        back = None if exam.is_prior else self._report(exam)
        return ExamOutcome(
            name=exam.name,
            service=exam.service,
            instances=there.instances,
            bytes=sum(map(len, sent.values())),
            wire_bytes=wire_bytes,
            seconds=round(there.seconds, 3),
            digests_equal=there.equal,
            report_seconds=None if back is None else round(back.seconds, 3),
            report_equal=back is None or back.equal,
        )

    def _report(self, exam: Exam) -> Arrival:
        lab = self._lab
        path = lab.disk / f"report-{exam.image.stem}.dcm"
        uid = write_report(exam.image, path, _text(exam), self._now())
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
            found[:] = entries(self._lab.hospital, self._seen_entry, "sent")
            return sum(len(entry.body["objects"]) for entry in found) >= objects

        wait_until(_all_sent, RECEIPT_TIMEOUT_S, "the partner's receipt")
        self._seen_entry = max(entry.n for entry in found)
        return sum(int(entry.body["wire_bytes"]) for entry in found)

    def _with_slots(self, outcomes: Sequence[ExamOutcome]) -> list[ExamOutcome]:
        """Add what the box decided of each exam; it wrote them down in the order they came."""
        accepted = entries(self._lab.hospital, kind="exam")
        slots = [each.body["slot_from"] for each in accepted[: len(outcomes)]]
        return [
            replace(outcome, slot_from=slot) for outcome, slot in zip(outcomes, slots, strict=False)
        ]

    def _reconcile(self, expected: int) -> tuple[bool, list[str]]:
        """Wait until each box holds the other's last word, then compare on both."""
        boxes = (self._lab.hospital, self._lab.practice)
        reports = [reconcile(box, RECEIPT_TIMEOUT_S) for box in boxes]
        faults = [] if all(report.settled for report in reports) else ["receipts are missing"]
        faults += [fault for report in reports for fault in report.faults]
        for report in reports:
            if report.delivered != expected:
                faults.append(f"{report.delivered} deliveries in a ledger, {expected} expected")
        return all(report.agree for report in reports) and not faults, faults


def _text(exam: Exam) -> list[str]:
    return [
        "Compte rendu de téléradiologie (démonstration)",
        f"Examen : {exam.name}",
        "Examen lu sur la station du cabinet.",
        "Ce document a été fabriqué pour la démonstration et ne décrit personne.",
    ]
