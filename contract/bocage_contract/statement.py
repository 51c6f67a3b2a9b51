"""The month's statement of a link, from the ledgers of its two boxes. Pure.

Only signed chains count, and only what they say: the same two chains give the same figures to both
sites, in whatever order the units of a box handed their entries on. Rules:

    - an exam belongs to the month, at the convention's place, in which it was first accepted;
    - its last `exam` entry says class, slot, version and modality; sent again, it is one exam;
    - a prior, a cancelled exam and one the reading box refused whole are counted, never billed;
    - a slot is met when everything sent of the exam before it was delivered by `arrive_by`;
    - a report counts once it is final and was delivered at the requesting site; a deletion takes
      back those that were sent before it;
    - what is still to come when the first of the chains ends is neither met nor missed, neither in
      time nor late: a page that has not been fetched yet takes nothing back.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bocage_contract.convention.model import Convention
from bocage_contract.errors import MessageError
from bocage_contract.exam_class import ExamClass
from bocage_contract.ledger import Entry, Head, verify_chain
from bocage_contract.report_state import ReportSeen, standing_of

OTHER_MODALITY = "OTHER"
_MODALITY = re.compile(r"[A-Z0-9_]{2,16}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_PERCENTILE = 95

Versions = Mapping[tuple[str, int], Convention]


@dataclass(frozen=True, slots=True)
class SignedChain:
    """A chain as its box wrote it, from the first entry to a signed head."""

    raws: Iterable[bytes]
    head: Head
    identity: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """The exams of one modality.

    Args:
        median_s: from first acceptance to the final report, seconds; None: no report yet.
        percentile_95_s: by nearest rank.
        unpriced: exams that are billed but have no price in their version's tariff.
    """

    modality: str
    exams: int
    urgent: int
    reported: int
    median_s: int | None
    percentile_95_s: int | None
    slots_met: int
    slots_missed: int
    reports_overdue: int
    billed: int
    unpriced: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """One month of one link.

    Args:
        priors, cancelled, refused: exams that stand in no line.
        requesting, reading: the heads it was made of: the other site can check it is the same.
    """

    month: str
    currency: str
    lines: Sequence[Line]
    priors: int
    cancelled: int
    refused: int
    requesting: Head
    reading: Head

    @property
    def amount(self) -> Decimal:
        """The sum of all lines."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))


@dataclass(slots=True)
class _Exam:
    accepted_at: int
    last: Mapping[str, object]
    said_at: int = 0  # Unix ms of the last word that it travels
    is_cancelled: bool = False
    sent: dict[str, int] = field(default_factory=dict)  # object -> Unix ms
    reports: dict[str, tuple[str, int]] = field(default_factory=dict)  # object -> state, Unix ms


@dataclass(slots=True)
class _Facts:
    exams: dict[str, _Exam] = field(default_factory=dict)
    delivered_there: dict[str, int] = field(default_factory=dict)  # object -> Unix ms
    delivered_here: dict[str, int] = field(default_factory=dict)
    refused_there: set[str] = field(default_factory=set)
    superseded: set[str] = field(default_factory=set)  # a newer content was delivered instead
    refused_exams: dict[str, int] = field(default_factory=dict)  # exam -> Unix ms, first refusal
    until_ms: int = 0  # up to then both boxes have spoken


def make_statement(
    month: str,
    requesting: SignedChain,
    reading: SignedChain,
    versions: Versions,
    timezone: str = "Europe/Paris",
) -> Statement:
    """Make the statement of a month.

    Args:
        month: "2026-11".
        versions: every version of the convention that an exam may name.
        timezone: of the convention.

    Raises:
        MessageError: no month; a chain does not hold; a version is not at hand; two currencies.
        SignatureError: a chain is not signed by its box.
    """
    if not _MONTH.fullmatch(month):
        raise MessageError(f"{month[:16]!r} is no month: write it as 2026-11")
    zone = zoneinfo.ZoneInfo(timezone)
    facts = _facts(
        verify_chain(requesting.raws, requesting.head, requesting.identity),
        verify_chain(reading.raws, reading.head, reading.identity),
    )
    mine = {
        name: exam
        for name, exam in facts.exams.items()
        if _month_of(exam.accepted_at, zone) == month
    }
    priors = [each for each in mine.values() if _text(each.last, "exam_class") == ExamClass.PRIOR]
    counted, cancelled, refused = [], 0, 0
    for exam in mine.values():
        if _text(exam.last, "exam_class") == ExamClass.PRIOR:
            continue
        if exam.is_cancelled:
            cancelled += 1
        elif _is_refused(exam, facts):
            refused += 1
        else:
            counted.append(exam)
    refused += sum(
        _month_of(at // 1000, zone) == month
        for name, at in facts.refused_exams.items()
        if name not in facts.exams
    )
    currency = _currency(versions, counted)
    return Statement(
        month,
        currency,
        [
            _line(
                modality, [each for each in counted if _modality(each) == modality], facts, versions
            )
            for modality in sorted({_modality(each) for each in counted})
        ],
        len(priors),
        cancelled,
        refused,
        requesting.head,
        reading.head,
    )


def as_csv(statement: Statement) -> str:
    """Write a statement as CSV (RFC 4180), a line a modality and one with the sums."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["month", "modality", "exams", "urgent_pct", "reported", "median_min", "p95_min",
         "slots_met", "slots_missed", "reports_overdue", "billed", "unpriced", "amount",
         "currency"]
    )  # fmt: skip
    for line in statement.lines:
        writer.writerow(
            [statement.month, line.modality, line.exams, _pct(line.urgent, line.exams),
             line.reported, _minutes(line.median_s), _minutes(line.percentile_95_s),
             line.slots_met, line.slots_missed, line.reports_overdue, line.billed,
             line.unpriced, line.amount, statement.currency]
        )  # fmt: skip
    writer.writerow(
        [statement.month, "TOTAL", *_sums(statement.lines), statement.amount, statement.currency]
    )
    return out.getvalue()


def _sums(lines: Sequence[Line]) -> list[object]:
    exams = sum(line.exams for line in lines)
    return [
        exams, _pct(sum(line.urgent for line in lines), exams),
        sum(line.reported for line in lines), "", "",
        sum(line.slots_met for line in lines), sum(line.slots_missed for line in lines),
        sum(line.reports_overdue for line in lines), sum(line.billed for line in lines),
        sum(line.unpriced for line in lines),
    ]  # fmt: skip


def _facts(requesting: Iterable[Entry], reading: Iterable[Entry]) -> _Facts:
    facts = _Facts()
    sent: dict[str, dict[str, int]] = {}
    cancelled: dict[str, int] = {}
    until_here_ms = until_there_ms = 0
    for entry in requesting:
        until_here_ms = max(until_here_ms, entry.at)
        _note_requesting(facts, entry, sent, cancelled)
    for entry in reading:
        until_there_ms = max(until_there_ms, entry.at)
        _note_reading(facts, entry, cancelled)
    # What one box has done by then may stand in a page that has not been fetched yet.
    facts.until_ms = min(until_here_ms, until_there_ms)
    for name, exam in facts.exams.items():
        own = sent.get(name, {})
        exam.sent = {each: at for each, at in own.items() if each not in facts.superseded}
        # Sent again after that, it is an exam like any other.
        exam.is_cancelled = cancelled.get(name, -1) >= exam.said_at
    return facts


def _note_requesting(
    facts: _Facts, entry: Entry, sent: dict[str, dict[str, int]], cancelled: dict[str, int]
) -> None:
    name, thing = _text(entry.body, "exam_id"), _text(entry.body, "object")
    match entry.kind:
        case "exam":
            accepted = _number(entry.body, "accepted_at")
            accepted = entry.at // 1000 if accepted is None else accepted
            known = facts.exams.setdefault(name, _Exam(accepted, entry.body))
            known.accepted_at, known.last = min(known.accepted_at, accepted), entry.body
            known.said_at = max(known.said_at, entry.at)
        case "exam_refused":
            facts.refused_exams.setdefault(name, entry.at)
        case "cancelled":
            cancelled[name] = max(cancelled.get(name, -1), entry.at)
        # A message that goes with an exam is none of its instances.
        case "received" | "changed_content" if "document" not in entry.body:
            sent.setdefault(name, {}).setdefault(thing, entry.at)
        case "delivered" if entry.body.get("done") is True:
            facts.delivered_here.setdefault(thing, entry.at)


def _note_reading(facts: _Facts, entry: Entry, cancelled: dict[str, int]) -> None:
    name, thing = _text(entry.body, "exam_id"), _text(entry.body, "object")
    match entry.kind:
        case "delivered" if entry.body.get("done") is True:
            facts.delivered_there.setdefault(thing, entry.at)
        case "refused" if entry.body.get("scope") == "superseded":
            facts.superseded.add(thing)
        case "refused" if entry.body.get("done") is True:
            facts.refused_there.add(thing)
        case "report" if name in facts.exams:
            said = _text(entry.body, "report_state"), entry.at
            facts.exams[name].reports.setdefault(thing, said)
        case "cancelled":
            cancelled[name] = max(cancelled.get(name, -1), entry.at)


def _line(modality: str, exams: Sequence[_Exam], facts: _Facts, versions: Versions) -> Line:
    turnarounds = sorted(
        at - exam.accepted_at for exam in exams if (at := _reported_at(exam, facts)) is not None
    )
    slots = [_slot_met(exam, facts) for exam in exams]
    prices = [_price(exam, versions) for exam in exams]
    return Line(
        modality=modality,
        exams=len(exams),
        urgent=sum(_text(exam.last, "exam_class") == ExamClass.URGENT for exam in exams),
        reported=len(turnarounds),
        median_s=_rank(turnarounds, 50),
        percentile_95_s=_rank(turnarounds, _PERCENTILE),
        slots_met=slots.count(True),
        slots_missed=slots.count(False),
        reports_overdue=sum(_is_overdue(exam, facts) for exam in exams),
        billed=len(exams),
        unpriced=prices.count(None),
        amount=sum((price for price in prices if price is not None), Decimal("0.00")),
    )


def _reported_at(exam: _Exam, facts: _Facts) -> int | None:
    """When a final report was first delivered at the requesting site, Unix seconds."""
    met_at = standing_of(
        ReportSeen(state, at, facts.delivered_here.get(name))
        for name, (state, at) in exam.reports.items()
    ).met_at
    return None if met_at is None else int(met_at) // 1000


def _slot_met(exam: _Exam, facts: _Facts) -> bool | None:
    """None: the exam waits for no slot, or the chains end before it can be said."""
    start, arrive_by = _number(exam.last, "slot_from"), _number(exam.last, "arrive_by")
    if start is None or arrive_by is None:
        return None
    before = [name for name, at in exam.sent.items() if at < start * 1000]
    there = [facts.delivered_there.get(name) for name in before]
    if before and all(at is not None and at <= arrive_by * 1000 for at in there):
        return True
    return False if facts.until_ms > arrive_by * 1000 else None


def _is_overdue(exam: _Exam, facts: _Facts) -> bool:
    due = _number(exam.last, "report_due")
    if due is None:
        return False
    reported = _reported_at(exam, facts)
    return (facts.until_ms // 1000 if reported is None else reported) > due


def _is_refused(exam: _Exam, facts: _Facts) -> bool:
    """Whether the reading box refused everything of it."""
    return bool(exam.sent) and all(
        name in facts.refused_there and name not in facts.delivered_there for name in exam.sent
    )


def _version(exam: _Exam, versions: Versions) -> Convention | None:
    """The version an exam was accepted under; None: under none."""
    name, number = _text(exam.last, "convention"), _number(exam.last, "version") or 0
    if not name:
        return None
    if (name, number) not in versions:
        raise MessageError(f"version {number} of the convention is not at hand: load it first")
    return versions[name, number]


def _price(exam: _Exam, versions: Versions) -> Decimal | None:
    convention = _version(exam, versions)
    if convention is None:
        return None
    tariff = convention.tariff
    return tariff.exam.get(_modality(exam), tariff.other)


def _currency(versions: Versions, exams: Sequence[_Exam]) -> str:
    used = [_version(exam, versions) for exam in exams]
    currencies = {each.tariff.currency for each in used if each is not None} or {"EUR"}
    if len(currencies) > 1:
        raise MessageError("two currencies in one month: make a statement of each version")
    return currencies.pop()


def _modality(exam: _Exam) -> str:
    modality = _text(exam.last, "modality")
    return modality if _MODALITY.fullmatch(modality) else OTHER_MODALITY


def _month_of(at: int, zone: zoneinfo.ZoneInfo) -> str:
    return datetime.datetime.fromtimestamp(at, zone).strftime("%Y-%m")


def _rank(rising: Sequence[int], percent: int) -> int | None:
    """The value at a percentile, by nearest rank."""
    return rising[max(-(-percent * len(rising) // 100), 1) - 1] if rising else None


def _pct(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 0


def _minutes(seconds: int | None) -> int | str:
    return "" if seconds is None else seconds // 60


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _number(body: Mapping[str, object], name: str) -> int | None:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
