"""The agreement of a link as people read it: what holds, what follows, the week's slots. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bocage_contract.convention.approval import Approved
from bocage_contract.convention.calendar import MINUTE_S, Slot, arrive_by, local_date
from bocage_contract.convention.eligibility import Place, place
from bocage_contract.convention.model import Convention, ServiceTerms
from bocage_contract.convention.versions import governing, slots_among
from bocage_contract.exam_class import ExamClass

_WEEK_S = 7 * 86_400
_DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
        "octobre", "novembre", "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ),
}  # fmt: skip
_CLASSES = {
    "fr": {"urgent": "urgent", "routine": "de routine", "prior": "antérieur", "report": "rapport"},
    "en": {"urgent": "urgent", "routine": "routine", "prior": "earlier exam", "report": "report"},
}
_SAID = {
    "fr": {
        "none": "aucune convention : la liaison accepte ce que disent ses services, sans vacation",
        "title": "{id}, version {version}, {standing} : {requesting} → {reading}, du {since} au"
        " {until}",
        "in_force": "en vigueur",
        "next": "à venir",
        "past": "expirée",
        "replaced": "remplacée",
        "approved": "approuvée par {name} ({role}) le {at}",
        "requesting": "site demandeur",
        "reading": "site d'interprétation",
        "service": "service {aet} : {klass}, {modalities}",
        "all": "toutes modalités",
        "no_slots": "aucune vacation",
        "slot": "vacation du {day}, de {start} à {end} ; arrivée avant {by}",
        "no_slot_this_week": "aucune vacation dans les sept jours",
        "next_slot": "un examen de routine accepté maintenant : vacation du {day} à {start},"
        " arrivée avant le {by_day} à {by}",
        "used": "{used} examens ce mois-ci",
        "used_of": "{used} examens sur {limit} ce mois-ci",
        "request": "demande : {request} ; compte rendu : {due} ; contenu modifié : {changed}",
    },
    "en": {
        "none": "no convention: the link takes what its services say, without slots",
        "title": "{id}, version {version}, {standing}: {requesting} → {reading}, {since} to"
        " {until}",
        "in_force": "in force",
        "next": "to come",
        "past": "over",
        "replaced": "replaced",
        "approved": "approved by {name} ({role}) on {at}",
        "requesting": "requesting site",
        "reading": "reading site",
        "service": "service {aet}: {klass}, {modalities}",
        "all": "every modality",
        "no_slots": "no slots",
        "slot": "slot of {day}, {start} to {end}; arrive by {by}",
        "no_slot_this_week": "no slot within seven days",
        "next_slot": "a routine exam accepted now: slot of {day} at {start}, arrive by {by} on"
        " {by_day}",
        "used": "{used} exams this month",
        "used_of": "{used} of {limit} exams this month",
        "request": "request: {request}; report: {due}; changed content: {changed}",
    },
}


def lines_of(agreed: Sequence[Approved], now: float, used: int, language: str) -> list[str]:
    """Say what is agreed on a link.

    Args:
        agreed: its versions.
        now: Unix seconds.
        used: exams accepted this month, priors left out.
        language: "fr" or "en".
    """
    said = _SAID[language]
    versions = [each.convention for each in agreed]
    if not versions:
        return [said["none"]]
    found: list[str] = []
    for each in agreed:
        found += _version(each, versions, now, language)
    holding = governing(versions, now)
    if holding is not None:
        found += ["", *_terms(holding, used, language)]
    found += ["", *_week(versions, holding, now, language)]
    return found


def day_in_words(at: float, zone: ZoneInfo, language: str) -> str:
    """Write the day of an instant: `mardi 24 novembre`, `Tuesday 24 November`."""
    local = datetime.fromtimestamp(at, UTC).astimezone(zone)
    return f"{_DAYS[language][local.weekday()]} {local.day} {_MONTHS[language][local.month - 1]}"


def _version(
    approved: Approved, versions: Sequence[Convention], now: float, language: str
) -> Iterator[str]:
    said, each = _SAID[language], approved.convention
    yield said["title"].format(
        id=each.id,
        version=each.version,
        standing=said[_standing(each, versions, now)],
        requesting=each.requesting_site,
        reading=each.reading_site,
        since=each.valid_from.isoformat(),
        until=each.valid_until.isoformat(),
    )
    for approval in approved.approvals:
        at = day_in_words(approval.at, ZoneInfo(each.timezone), language)
        year = datetime.fromtimestamp(approval.at, UTC).year
        text = said["approved"]
        yield "  " + text.format(name=approval.name, role=said[approval.role], at=f"{at} {year}")


def _standing(each: Convention, versions: Sequence[Convention], now: float) -> str:
    if governing(versions, now) is each:
        return "in_force"
    today = local_date(each, now)
    if each.valid_until < today:
        return "past"
    return "next" if each.valid_from > today else "replaced"


def _terms(holding: Convention, used: int, language: str) -> Iterator[str]:
    said = _SAID[language]
    for aet, terms in holding.services.items():
        yield said["service"].format(
            aet=aet,
            klass=_CLASSES[language][terms.exam_class.value],
            modalities=_modalities(terms, language),
        )
    limit = holding.volume.exams_per_month
    yield said["used" if limit is None else "used_of"].format(used=used, limit=limit)
    yield said["request"].format(
        request=holding.request.value, due=holding.report.due, changed=holding.changed_content
    )


def _modalities(terms: ServiceTerms, language: str) -> str:
    return ", ".join(terms.eligible.modalities) or _SAID[language]["all"]


def _week(
    versions: Sequence[Convention], holding: Convention | None, now: float, language: str
) -> Iterator[str]:
    said = _SAID[language]
    if not any(each.slots for each in versions):
        yield said["no_slots"]
        return
    slots = slots_among(versions, now, now + _WEEK_S)
    if not slots:
        yield said["no_slot_this_week"]
    for slot in slots:
        of = governing(versions, slot.start) or versions[-1]
        zone = ZoneInfo(of.timezone)
        yield said["slot"].format(
            day=day_in_words(slot.start, zone, language),
            start=_clock(slot.start, zone),
            end=_clock(slot.end, zone),
            by=_clock(arrive_by(of, slot), zone),
        )
    found = _next(versions, holding, now)
    if holding is not None and found is not None:
        slot, by = found
        zone = ZoneInfo(holding.timezone)
        yield said["next_slot"].format(
            day=day_in_words(slot.start, zone, language),
            start=_clock(slot.start, zone),
            by=_clock(by, zone),
            by_day=day_in_words(by, zone, language),
        )


def _next(
    versions: Sequence[Convention], holding: Convention | None, now: float
) -> tuple[Slot, int] | None:
    """The slot and the arrive-by that an exam accepted now would be given."""
    if holding is None:
        return None
    for aet, terms in holding.services.items():
        where = place(versions, aet, now) if terms.exam_class is ExamClass.ROUTINE else None
        if isinstance(where, Place) and where.slot is not None and where.arrive_by is not None:
            return where.slot, where.arrive_by
    return None


def _clock(at: float, zone: ZoneInfo) -> str:
    rounded = int(at) // MINUTE_S * MINUTE_S
    return datetime.fromtimestamp(rounded, UTC).astimezone(zone).strftime("%H:%M")
