"""Where a box delivers to at its site: a DICOM AE, or an HL7 v2 listener (MLLP)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from bocage_contract.hl7_receive import Hl7Name
from bocage_contract.model import Grown, Model
from bocage_contract.names import Address, AeTitle, Label, Port

# HL7 table 0211, as MSH-18 says it.
Hl7Charset = Literal["UNICODE UTF-8", "8859/1", "8859/15"]


class DicomDestination(Grown):
    """A DICOM AE of the site."""

    LATER = frozenset({"commitment"})

    name: Label
    kind: Literal["dicom"] = "dicom"
    aet: AeTitle
    host: Address
    port: Port
    calling_aet: AeTitle
    max_associations: int = Field(2, ge=1, le=16)
    commitment: bool = Field(
        False, description="Ask it for storage commitment of what it has been given."
    )

    @property
    def lanes(self) -> int:
        """How many objects may be on their way to it at once."""
        return self.max_associations


class Hl7Destination(Model):
    """A system of the site that takes HL7 v2 messages over MLLP: a RIS, an interface engine.

    One connection, one message at a time: the order in which messages come is part of what they
    say.
    """

    name: Label
    kind: Literal["hl7"]
    host: Address
    port: Port
    sending_application: Hl7Name | None = Field(None, description="MSH-3; null: as it came.")
    sending_facility: Hl7Name | None = Field(None, description="MSH-4; null: as it came.")
    receiving_application: Hl7Name | None = Field(None, description="MSH-5; null: as it came.")
    receiving_facility: Hl7Name | None = Field(None, description="MSH-6; null: as it came.")
    charset: Hl7Charset = Field("UNICODE UTF-8", description="In which it is written to (MSH-18).")
    utf8_where_needed: bool = Field(
        False,
        description="A message that its character set cannot write goes out in UTF-8; else it is"
        " refused, and a person sees why.",
    )
    acknowledgement: Literal["original", "enhanced"] = Field(
        "original", description="AA, AE, AR; or CA, CE, CR of the commit (HL7 v2.5.1 2.9)."
    )
    application_acknowledgement: bool = Field(
        False,
        description="Enhanced only: delivered once the application has said AA as well, on the"
        " same connection.",
    )
    connect_s: int = Field(10, ge=1, le=60)
    answer_s: int = Field(30, ge=1, le=600, description="To wait for an acknowledgement.")
    application_answer_s: int = Field(120, ge=1, le=3600)

    @property
    def lanes(self) -> int:
        """How many objects may be on their way to it at once."""
        return 1

    @model_validator(mode="after")
    def _modes_fit(self) -> Hl7Destination:
        if self.application_acknowledgement and self.acknowledgement != "enhanced":
            raise ValueError("application_acknowledgement goes with acknowledgement: enhanced")
        return self


def _kind_of(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("kind", "dicom"))
    return str(getattr(value, "kind", ""))


Destination = Annotated[
    Annotated[DicomDestination, Tag("dicom")] | Annotated[Hl7Destination, Tag("hl7")],
    Discriminator(_kind_of),
]

# What an object is: a SOP instance, or an HL7 v2 message that requests or reports.
Content = Literal["instance", "request", "report"]

NOTHING_NAMED = "no destination is configured for it"
NONE_TAKES_DICOM = "no destination of its rule takes DICOM"
NONE_TAKES_HL7 = "no destination of its rule takes HL7"


def takers(named: Iterable[Destination], content: Content) -> list[Destination] | str:
    """Choose among the destinations of a rule those that can take an object.

    A report of HL7 goes to whom HL7 is spoken; where the rule has only DICOM stations, they get
    instances that are made of it. A request is made into none.

    Returns:
        At least one of them; or why there is none, in words.
    """
    of_rule = list(named)
    kind = "dicom" if content == "instance" else "hl7"
    found = [there for there in of_rule if there.kind == kind]
    if content == "report" and not found:
        found = of_rule
    if found:
        return found
    if not of_rule:
        return NOTHING_NAMED
    return NONE_TAKES_DICOM if content == "instance" else NONE_TAKES_HL7
