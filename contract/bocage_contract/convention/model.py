"""The convention: what may travel, when, how urgent, when the report is due, what it costs.

It is written once for a link and stands, with both approvals, in the configuration of both boxes.
Times of day are those of `timezone`; instants are Unix seconds.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bocage_contract import CONTRACT
from bocage_contract.capacity import CapWindow
from bocage_contract.convention.consent import known_attribute
from bocage_contract.convention.modality import MODALITIES
from bocage_contract.convention.public_holidays import known_country
from bocage_contract.exam_class import ExamClass
from bocage_contract.model import Grown, Model
from bocage_contract.names import AeTitle, Label, LinkId, TimeOfDay, Timezone


def _modality(text: str) -> str:
    if text not in MODALITIES:
        raise ValueError("a modality is one of DICOM's: CR, DX, CT, MR, US, MG, ...")
    return text


# PS3.3 C.7.3.1.1.1: a Defined Term, CS (16 characters).
Modality = Annotated[str, AfterValidator(_modality)]
_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
Days = Annotated[str, Field(pattern=rf"^{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*$", max_length=64)]
ReportDue = Annotated[str, Field(pattern=r"^(slot start|slot end|accepted) \+ [0-9]{1,4} (min|h)$")]
Country = Annotated[
    str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$"), AfterValidator(known_country)
]
Money = Annotated[Decimal, Field(ge=0, lt=100_000, decimal_places=2)]


class Eligible(Model):
    """Which exams a service takes; empty lists: no bound."""

    modalities: list[Modality] = Field(default_factory=list, max_length=64)


class ServiceTerms(Model):
    """What a called AE title the technologist sees stands for."""

    exam_class: ExamClass = Field(alias="class")
    eligible: Eligible = Field(default_factory=Eligible)


class SlotRule(Model):
    """An agreed reading session; `until` at or before `from` is on the next day."""

    days: Days
    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")


class Window(Model):
    """When routine exams may travel; as `SlotRule`, every day where no days are named."""

    days: Days = "mon-sun"
    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")


class Transfer(Model):
    """When routine exams and priors may travel. Urgent ones and reports always may."""

    routine: Literal["always"] | list[Window] = "always"
    cap_mbit: list[CapWindow] = Field(default_factory=list, max_length=48)


class Contact(Model):
    """Somebody who is told; a function or a telephone number, never a patient."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    phone: Annotated[str, Field(pattern=r"^[+0-9 ().-]{0,32}$")] = ""


class UrgentTerms(Model):
    """What happens with an urgent exam outside the slots."""

    outside_slots: Literal["accept", "refuse"] = "accept"
    tell: list[Contact] = Field(default_factory=list, max_length=16)


class RequestRule(StrEnum):
    """Whether an exam needs a request."""

    REQUIRED = "required"
    WANTED = "wanted"
    NONE = "none"


class ReportFormat(StrEnum):
    """How a report may come back."""

    ENCAPSULATED_PDF = "encapsulated-pdf"
    SR = "sr"
    CDA = "cda"
    HL7_ORU = "hl7-oru"
    HL7_MDM = "hl7-mdm"


class ReportTerms(Model):
    """When a report is due and what counts as one."""

    due: ReportDue = "slot end + 60 min"
    counts: Literal["final"] = "final"
    formats: list[ReportFormat] = Field(
        default_factory=lambda: [ReportFormat.ENCAPSULATED_PDF, ReportFormat.SR], max_length=8
    )


class Volume(Model):
    """How many exams were agreed; `above` says what happens with more."""

    exams_per_month: int | None = Field(None, ge=1, le=1_000_000)
    exams_per_slot: int | None = Field(None, ge=1, le=100_000)
    above: Literal["accept-with-alarm", "refuse"] = "accept-with-alarm"


class Consent(Grown):
    """How the patient's consent is known: by the sending itself, or by an attribute."""

    LATER = frozenset({"values"})

    how: Literal["declared-by-sending", "attribute"] = "declared-by-sending"
    keyword: Annotated[str, AfterValidator(known_attribute)] | None = Field(
        None, description="DICOM keyword of the attribute that declares it, where `how` says so."
    )
    value: Annotated[str, Field(max_length=64)] | None = None
    values: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default_factory=list,
        max_length=16,
        description="What it may say beside `value`; neither: anything but nothing.",
    )

    @property
    def agreed(self) -> frozenset[str]:
        """What the attribute may say; empty: anything but nothing."""
        return frozenset(self.values) | (frozenset() if self.value is None else {self.value})


class Tariff(Model):
    """What one exam of a modality costs. Priors cost nothing."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    exam: dict[Modality, Money] = Field(default_factory=dict)
    other: Money | None = Field(None, description="Of a modality that is not named.")


class Convention(Model):
    """One version of the agreement. Since contract 1."""

    contract: int = CONTRACT
    id: Label
    version: int = Field(ge=1, lt=1 << 31)
    link: LinkId
    requesting_site: Annotated[str, Field(min_length=1, max_length=80)]
    reading_site: Annotated[str, Field(min_length=1, max_length=80)]
    valid_from: datetime.date
    valid_until: datetime.date = Field(description="The last day, included.")
    timezone: Timezone = "Europe/Paris"
    holidays: Country | None = Field(
        "FR", description="ISO 3166: on these days there is no slot; null: every day counts."
    )
    services: dict[AeTitle, ServiceTerms] = Field(min_length=1)
    slots: list[SlotRule] = Field(default_factory=list, max_length=64)
    arrive_before_min: int = Field(15, ge=0, le=1440)
    transfer: Transfer = Field(default_factory=Transfer)
    urgent: UrgentTerms = Field(default_factory=UrgentTerms)
    request: RequestRule = RequestRule.WANTED
    report: ReportTerms = Field(default_factory=ReportTerms)
    consent: Consent = Field(default_factory=Consent)
    volume: Volume = Field(default_factory=Volume)
    changed_content: Literal["both", "newest", "ask"] = "both"
    tariff: Tariff = Field(default_factory=Tariff)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_until < self.valid_from:
            raise ValueError("valid_until is before valid_from: the convention would never hold")
        return self
