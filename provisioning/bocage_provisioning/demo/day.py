"""What else happens on the demonstration's day, each a claim that may turn out not to hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from bocage_contract.ledger import Entry
from bocage_provisioning.demo.agreement import BY_HAND, COLUMNS
from bocage_provisioning.demo.exams import Exam
from bocage_provisioning.demo.journey import travel
from bocage_provisioning.demo.ledgers import compare_exports, entries, rows, statement
from bocage_provisioning.demo.outcome import Check
from bocage_provisioning.lab.desired import DICOM_PORT, MODALITY_AET, PACS_AET, ROUTINE_AET
from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import BOX_LAN_ADDRESS
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import CommandError, LocalHost

QUIET_S = 5.0  # of the demonstration's hospital: nobody wants to watch for a minute
_WITHIN_S = 60.0
# storescu -d shows the command set of the response. Source: PS3.7 annex C, (0000,0902).
_COMMENT = re.compile(r"\(0000,0902\) LO \[([^\]]*)\]")
_STATUS = re.compile(r"DIMSE Status\s*: (0x[0-9a-fA-F]{4})")
_NOT_AUTHORIZED = "0x0124"
_AGREE = "the ledgers agree"


class Day:
    """The acts of the day, over a laboratory whose boxes are up."""

    def __init__(self, lab: Laboratory) -> None:
        """Work in a laboratory."""
        self._lab = lab

    def refusal(self, exam: Exam) -> Check:
        """Send an exam to a service that is not for it, as a technologist does by mistake."""
        words = ["-d", "--required", "-aet", MODALITY_AET, "-aec", ROUTINE_AET]
        claim = f"{exam.name} is refused on {ROUTINE_AET}, in words on the modality"
        try:
            LocalHost(self._lab.topology.hospital_lan).run(
                ["storescu", *words, BOX_LAN_ADDRESS, str(DICOM_PORT), str(exam.image)]
            )
        except CommandError as error:
            status, comment = _found(_STATUS, error.stderr), _found(_COMMENT, error.stderr)
            held = status.lower() == _NOT_AUTHORIZED and bool(comment)
            return Check(claim, held, f'{status} "{comment}"')
        return Check(claim, False, "it was taken")

    def overtaking(self, exams: Sequence[Exam], sent: Mapping[str, bytes]) -> Check:
        """Cut the line, send a routine exam and then an urgent one, and mend the line.

        Args:
            exams: the urgent one last.
            sent: SOP Instance UID -> data set, of all of them.
        """
        lab = self._lab
        known = len(entries(lab.hospital, kind="exam"))
        lab.cut()
        try:
            for exam in exams:
                lab.modality_send(list(exam.instances.values()), exam.service)
        finally:
            arrival = travel(lab.restore, lab.station_received, sent)
        order = self._order(known, len(exams), len(sent))
        held = arrival.equal and order == sorted(order, reverse=True)
        seen = "first to arrive: " + " ".join(exams[place].name for place in order[:1])
        claim = "an urgent exam overtakes a routine one that has waited for longer"
        return Check(claim, held, f"{seen}, {arrival.seconds:.1f} s after the line was mended")

    def _order(self, known: int, exams: int, instances: int) -> list[int]:
        """Say in which order instances arrived: the place of each one's exam among those sent."""
        names: list[str] = []
        found: list[str] = []

        def _all_there() -> bool:
            accepted = entries(self._lab.hospital, kind="exam")[known:]
            names[:] = [str(each.body["exam_id"]) for each in accepted]
            delivered = entries(self._lab.practice, kind="delivered")
            found[:] = [n for n in (str(e.body["exam_id"]) for e in delivered) if n in names]
            return len(names) == exams and len(found) >= instances

        wait_until(_all_there, _WITHIN_S, "both exams in the ledgers")
        return [names.index(name) for name in found]

    def again(self, exam: Exam) -> Check:
        """Let the archive send an exam again, as it does every night."""
        lab = self._lab
        before = self._counted()
        lab.modality_send(list(exam.instances.values()), ROUTINE_AET, calling_aet=PACS_AET)
        instances = len(exam.instances)
        wait_until(
            lambda: self._counted()["same_again"] >= before["same_again"] + instances,
            _WITHIN_S,
            "the ledger to say that it is the same again",
        )
        more = self._counted()["received"] - before["received"]
        claim = f"{exam.name} is sent again by the archive: it travels once"
        return Check(claim, more == 0, f"{instances} instances known, {more} taken again")

    def _counted(self) -> Counter[str]:
        return Counter(each.kind for each in entries(self._lab.hospital))

    def manifests(self, exams: Sequence[Exam]) -> Check:
        """Wait until every exam is quiet: its manifest names all of it, its request too."""
        hospital = self._lab.hospital
        wait_until(
            lambda: len(entries(hospital, kind="quiet")) >= len(exams),
            _WITHIN_S + QUIET_S,
            "the exams to be quiet",
        )
        named = sorted(int(each.body["instances"]) for each in entries(hospital, kind="quiet"))
        missing = len(entries(hospital, kind="request_missing"))
        held = named == sorted(len(exam.instances) for exam in exams) and missing == 0
        claim = "each exam's manifest names every instance, and no request is missing"
        return Check(claim, held, f"{sum(named)} instances in {len(named)} manifests")

    def matching(self, exams: Sequence[Exam]) -> Check:
        """See that each report was matched to an exam of its own, and is final."""
        reported = sum(not exam.is_prior for exam in exams)
        accepted = entries(self._lab.hospital, kind="exam")[: len(exams)]
        wanted = {
            str(each.body["exam_id"])
            for each, exam in zip(accepted, exams, strict=True)
            if not exam.is_prior
        }
        found: list[Entry] = []

        def _all_there() -> bool:
            found[:] = entries(self._lab.practice, kind="report")
            return len(found) >= reported

        wait_until(_all_there, _WITHIN_S, "the reports in the practice's ledger")
        named = [str(each.body["exam_id"]) for each in found]
        final = sum(each.body["report_state"] == "final" for each in found)
        held = len(named) == final == reported and set(named) == wanted
        claim = "each report is matched to its exam, and is final"
        return Check(claim, held, f"{final} final reports of {len(set(named))} exams")

    def files(self) -> Check:
        """Write both ledgers into files and lay them side by side, as a third person may."""
        boxes = (self._lab.hospital, self._lab.practice)
        said = compare_exports(boxes, self._lab.disk).splitlines()
        claim = "the exported ledgers are whole, and agree"
        return Check(claim, said[-1:] == [_AGREE], said[-1] if said else "nothing was said")

    def statements(self, month: str) -> tuple[list[Check], list[dict[str, str]]]:
        """Make the statement of the month on both boxes, and compare it with the one by hand."""
        lab = self._lab
        made = ["", ""]

        def _both_the_same() -> bool:
            made[:] = [statement(box, month) for box in (lab.hospital, lab.practice)]
            return made[0] == made[1] and figures(rows(made[0])) == BY_HAND

        _within(_both_the_same, _WITHIN_S)
        found = rows(made[0])
        return judge_statements(made[0], made[1]), found


def judge_statements(hospital: str, practice: str) -> list[Check]:
    """Say whether two statements are one, and the one counted by hand. Pure.

    Args:
        hospital, practice: CSV as each box prints it.
    """
    found = rows(hospital)
    amount = found[-1]["amount"] if found else "nothing"
    currency = found[-1]["currency"] if found else ""
    return [
        Check(
            "the month's statement is the same at both boxes",
            hospital == practice,
            "byte for byte" if hospital == practice else "they differ",
        ),
        Check(
            "it is the one counted by hand before",
            figures(found) == BY_HAND,
            f"{amount} {currency} against {BY_HAND['TOTAL'][-1]} {currency}",
        ),
    ]


def figures(found: Sequence[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """Give of a statement's rows what can be counted before: no durations."""
    return {row["modality"]: tuple(row[column] for column in COLUMNS) for row in found}


def _within(is_true: Callable[[], bool], seconds: float) -> None:
    """Wait for something that is judged afterwards, whatever comes of it."""
    try:
        wait_until(is_true, seconds, "the statements")
    except LabError:
        return


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match.group(1).strip() if match else "nothing"
