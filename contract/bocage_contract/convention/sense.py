"""What follows from several fields of a convention together, and makes no sense. Pure.

It looks at a convention somebody is still writing: a field that cannot be read is left out, so that
every other fault is found in the same go.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from bocage_contract.capacity import CapWindow
from bocage_contract.convention.calendar import DailyRule, days_of, slots_between
from bocage_contract.convention.due import terms_of
from bocage_contract.convention.model import (
    Consent,
    Convention,
    Money,
    ReportTerms,
    ServiceTerms,
    SlotRule,
    Transfer,
    UrgentTerms,
    Volume,
    Window,
)
from bocage_contract.exam_class import ExamClass

# Chosen: a radiograph of two views, sealed. A convention says exams, a line carries bytes.
EXAM_BYTES = 20_000_000
_DAY_MIN = 1440
_WEEK_MIN = 7 * _DAY_MIN
_BITS = 8
_VALIDITY_LOOKED_AT = datetime.timedelta(days=400)
_MID_DAY_S = 43_200
_T = TypeVar("_T")
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at a place; `numbers` are what its words name."""

    place: Place
    code: str
    numbers: Mapping[str, Any] | tuple[tuple[str, Any], ...] = ()
    is_warning: bool = False

    def __post_init__(self) -> None:
        """Keep it hashable."""
        object.__setattr__(self, "numbers", tuple(sorted(dict(self.numbers).items())))


def findings_in(value: Mapping[str, Any]) -> list[Finding]:
    """List what does not go together.

    Args:
        value: a convention as parsed JSON, right or wrong.
    """
    written = _Written(value)
    return [finding for rule in _RULES for finding in rule(written)]


class _Written:
    """The readable parts of a convention; None or empty where one cannot be read."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value

    def part(self, name: str, shape: type[_T]) -> _T | None:
        """Read a field; one that was left out is its default."""
        field = Convention.model_fields[name]
        if name not in self._value:
            return None if field.is_required() else field.get_default(call_default_factory=True)
        found: _T | None = _read(shape, self._value[name])
        return found

    @cached_property
    def services(self) -> dict[str, ServiceTerms]:
        found = _each(ServiceTerms, self._value.get("services"))
        return {str(name): terms for name, terms in found.items()}

    @cached_property
    def slots(self) -> dict[int, SlotRule]:
        found = _each(SlotRule, self._value.get("slots"))
        return {int(number): rule for number, rule in found.items()}

    @property
    def has_slots(self) -> bool:
        """Whether somebody wrote slots, readable or not."""
        return bool(self._value.get("slots"))

    @cached_property
    def windows(self) -> list[Window] | None:
        """None: always."""
        transfer = self._value.get("transfer")
        routine = transfer.get("routine") if isinstance(transfer, Mapping) else None
        if not isinstance(routine, list):
            return None
        return list(_each(Window, routine).values())

    @cached_property
    def arrive_before_min(self) -> int:
        return self.part("arrive_before_min", int) or 0

    @cached_property
    def tariffs(self) -> dict[str, Decimal]:
        """What is written for a modality, as far as it can be read."""
        tariff = self._value.get("tariff")
        exam = tariff.get("exam") if isinstance(tariff, Mapping) else None
        return {str(modality): amount for modality, amount in _each(Money, exam).items()}

    @property
    def has_other_tariff(self) -> bool:
        """Whether modalities that are not named have a tariff."""
        tariff = self._value.get("tariff")
        return isinstance(tariff, Mapping) and tariff.get("other") is not None

    @property
    def is_paid(self) -> bool:
        """Whether there is a tariff at all, readable or not."""
        tariff = self._value.get("tariff", {})
        return not isinstance(tariff, Mapping) or bool(tariff.get("exam"))

    @property
    def whole(self) -> Convention | None:
        try:
            return Convention.model_validate(dict(self._value))
        except (ValidationError, ValueError):
            return None

    def to_be_read(self) -> Iterator[tuple[str, ServiceTerms]]:
        """Give the services whose exams are read and paid: all but priors."""
        for name, terms in self.services.items():
            if terms.exam_class is not ExamClass.PRIOR:
                yield name, terms

    def has_class(self, exam_class: ExamClass) -> bool:
        return any(each.exam_class is exam_class for each in self.services.values())


def _read(shape: Any, value: Any) -> Any:
    try:
        return TypeAdapter(shape).validate_python(value)
    except (ValidationError, ValueError):
        return None


def _each(shape: Any, value: Any) -> dict[Any, Any]:
    """Read what can be read of a list or an object, by number or name."""
    if not isinstance(value, list | dict):
        return {}
    items: Iterable[tuple[Any, Any]] = (
        value.items() if isinstance(value, dict) else enumerate(value)
    )
    found = {key: _read(shape, each) for key, each in items}
    return {key: each for key, each in found.items() if each is not None}


# Rules: each looks at one thing


def _validity(written: _Written) -> Iterator[Finding]:
    first = written.part("valid_from", datetime.date)
    last = written.part("valid_until", datetime.date)
    if first is not None and last is not None and last < first:
        yield Finding(("valid_until",), "reversed", {"first": first.isoformat()})


def _two_sites(written: _Written) -> Iterator[Finding]:
    requesting = written.part("requesting_site", str)
    if requesting is not None and requesting == written.part("reading_site", str):
        yield Finding(("reading_site",), "same_site")


def _services(written: _Written) -> Iterator[Finding]:
    names = list(written.services)
    for number, name in enumerate(names):
        alike = [each for each in names[:number] if each.casefold() == name.casefold()]
        if alike:
            yield Finding(("services", name), "alike", {"other": alike[0]}, is_warning=True)
    for name, terms in written.services.items():
        if terms.exam_class is ExamClass.REPORT:
            yield Finding(("services", name, "class"), "report_service")
    if names and not any(True for _ in written.to_be_read()):
        yield Finding(("services",), "nothing_to_read")
    elif names and not written.has_class(ExamClass.URGENT):
        yield Finding(("services",), "no_urgent", is_warning=True)


def _slots_apart(written: _Written) -> Iterator[Finding]:
    for number, rule in written.slots.items():
        if rule.start == rule.end:
            yield Finding(("slots", number), "whole_day", is_warning=True)
        mine = minutes_of_week(rule)
        for earlier, other in written.slots.items():
            if earlier < number and mine & minutes_of_week(other):
                yield Finding(("slots", number), "overlap", {"other": earlier + 1})


def _arrive_before(written: _Written) -> Iterator[Finding]:
    starts = _starts(written)
    if not starts or written.arrive_before_min == 0:
        return
    apart = [after - start for (start, _, _), (after, _, _) in pairwise(starts) if after > start]
    gaps = [after - end for (_, end, _), (after, _, _) in pairwise(starts) if after > end]
    before = written.arrive_before_min
    if apart and min(apart) <= before:
        numbers = {"minutes": min(apart)}
        yield Finding(("arrive_before_min",), "before_longer_than_slots", numbers)
    elif gaps and min(gaps) < before:
        numbers = {"minutes": min(gaps)}
        yield Finding(("arrive_before_min",), "before_longer_than_gap", numbers, is_warning=True)


def _windows(written: _Written) -> Iterator[Finding]:
    """For each slot: is there time to send between the cut-off of the one before and its own?"""
    starts = _starts(written)
    if written.windows is None or not starts or not written.has_class(ExamClass.ROUTINE):
        return
    opened = set().union(*(minutes_of_week(each) for each in written.windows))
    shut: set[int] = set()
    least: dict[int, int] = {}
    for (earlier, _, _), (start, _, number) in pairwise(starts):
        until = start - written.arrive_before_min
        since = earlier - written.arrive_before_min
        minutes = sum(1 for minute in range(since, until) if minute % _WEEK_MIN in opened)
        if minutes == 0:
            shut.add(number)
        else:
            least[number] = min(minutes, least.get(number, minutes))
    for number in sorted(shut):
        yield Finding(("slots", number), "no_window")
    yield from _too_short(written, {k: v for k, v in least.items() if k not in shut})


def _too_short(written: _Written, minutes: Mapping[int, int]) -> Iterator[Finding]:
    transfer, volume = written.part("transfer", Transfer), written.part("volume", Volume)
    caps: list[CapWindow] = [] if transfer is None else list(transfer.cap_mbit)
    if volume is None or not volume.exams_per_slot or not caps:
        return
    mbit = min(each.mbit for each in caps)
    for number, there in minutes.items():
        can = there * 60 * mbit * 1_000_000 // _BITS // EXAM_BYTES
        if can < volume.exams_per_slot:
            numbers = {"minutes": there, "can": can, "agreed": volume.exams_per_slot}
            yield Finding(("slots", number), "window_too_short", numbers, is_warning=True)


def _without_slots(written: _Written) -> Iterator[Finding]:
    if written.has_slots:
        return
    if written.has_class(ExamClass.ROUTINE):
        yield Finding(("slots",), "no_slots", is_warning=True)
        report = written.part("report", ReportTerms)
        if report is not None and terms_of(report.due)[0] != "accepted":
            yield Finding(("report", "due"), "due_without_slot")
    urgent, volume = written.part("urgent", UrgentTerms), written.part("volume", Volume)
    if urgent is not None and urgent.outside_slots == "refuse":
        yield Finding(("urgent", "outside_slots"), "refuse_without_slot", is_warning=True)
    if volume is not None and volume.exams_per_slot is not None:
        yield Finding(("volume", "exams_per_slot"), "volume_without_slot", is_warning=True)


def _no_slot_ever(written: _Written) -> Iterator[Finding]:
    """A validity of which no day is a slot's."""
    convention = written.whole
    if convention is None or not convention.slots:
        return
    midnight = datetime.datetime.combine(
        convention.valid_from, datetime.time(), datetime.UTC
    ).timestamp()
    last = min(convention.valid_until, _later(convention.valid_from))
    days = (last - convention.valid_from).days + 1
    until = midnight + days * 2 * _MID_DAY_S
    if not slots_between(convention, midnight - _MID_DAY_S, until + _MID_DAY_S):
        yield Finding(("slots",), "no_slot_ever")


def _later(day: datetime.date) -> datetime.date:
    try:
        return day + _VALIDITY_LOOKED_AT
    except OverflowError:
        return datetime.date.max


def _urgent(written: _Written) -> Iterator[Finding]:
    urgent = written.part("urgent", UrgentTerms)
    is_told = urgent is not None and urgent.outside_slots == "accept" and not urgent.tell
    if is_told and written.has_slots and written.has_class(ExamClass.URGENT):
        yield Finding(("urgent", "tell"), "nobody_told", is_warning=True)


def _report(written: _Written) -> Iterator[Finding]:
    report = written.part("report", ReportTerms)
    if report is not None and not report.formats:
        yield Finding(("report", "formats"), "no_format")


def _consent(written: _Written) -> Iterator[Finding]:
    consent = written.part("consent", Consent)
    if consent is None:
        return
    if consent.how == "attribute" and consent.keyword is None:
        yield Finding(("consent", "keyword"), "no_keyword")
    if consent.how == "attribute" and not consent.agreed:
        yield Finding(("consent", "value"), "any_consent", is_warning=True)
    if consent.how != "attribute" and (consent.keyword or consent.agreed):
        yield Finding(("consent",), "consent_not_read", is_warning=True)


def _volume(written: _Written) -> Iterator[Finding]:
    volume = written.part("volume", Volume)
    if volume is None:
        return
    if volume.above == "refuse" and not (volume.exams_per_month or volume.exams_per_slot):
        yield Finding(("volume", "above"), "refuse_without_volume", is_warning=True)
    if volume.exams_per_month and volume.exams_per_slot and written.has_slots:
        most = volume.exams_per_slot * _most_slots_in_a_month(written)
        if most < volume.exams_per_month:
            numbers = {"most": most}
            yield Finding(
                ("volume", "exams_per_month"), "month_over_slots", numbers, is_warning=True
            )


def _tariff(written: _Written) -> Iterator[Finding]:
    services = list(written.to_be_read())
    if not services:
        return
    takes_all = any(not terms.eligible.modalities for _, terms in services)
    agreed = {each for _, terms in services for each in terms.eligible.modalities}
    for modality in written.tariffs:
        if modality not in agreed and not takes_all:
            yield Finding(("tariff", "exam", modality), "never_travels")
    if written.has_other_tariff:
        return
    if not written.is_paid:
        yield Finding(("tariff",), "no_tariff", is_warning=True)
        return
    for modality in sorted(agreed - written.tariffs.keys()):
        numbers = {"modality": modality}
        yield Finding(("tariff", "exam"), "without_tariff", numbers, is_warning=True)
    if takes_all:
        yield Finding(("tariff", "other"), "other_without_tariff", is_warning=True)


_RULES: tuple[Callable[[_Written], Iterator[Finding]], ...] = (
    _validity,
    _two_sites,
    _services,
    _slots_apart,
    _arrive_before,
    _windows,
    _without_slots,
    _no_slot_ever,
    _urgent,
    _report,
    _consent,
    _volume,
    _tariff,
)


# The week, minute by minute from Monday 00:00


def minutes_of_week(rule: DailyRule) -> frozenset[int]:
    """Give the minutes of the week, 0 to 10079, that a rule covers; clock changes left out."""
    start, end = _minute(rule.start), _minute(rule.end)
    length = end - start if start < end else end - start + _DAY_MIN
    return frozenset(
        (day * _DAY_MIN + start + minute) % _WEEK_MIN
        for day in days_of(rule.days)
        for minute in range(length)
    )


def _starts(written: _Written) -> list[tuple[int, int, int]]:
    """List starts, ends and numbers of a week's slots, and the first of the next week."""
    found = []
    for number, rule in written.slots.items():
        start, end = _minute(rule.start), _minute(rule.end)
        length = end - start if start < end else end - start + _DAY_MIN
        for day in days_of(rule.days):
            at = day * _DAY_MIN + start
            found.append((at, at + length, number))
    found.sort()
    if found:
        start, end, number = found[0]
        found.append((start + _WEEK_MIN, end + _WEEK_MIN, number))
    return found


def _most_slots_in_a_month(written: _Written) -> int:
    # A month holds a day of the week five times at most.
    return 5 * sum(len(days_of(rule.days)) for rule in written.slots.values())


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
