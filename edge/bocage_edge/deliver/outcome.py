"""What an attempt to deliver came to: a value, decided from the standard's codes.

Three ends, because three different people act on them: `Delivered` nobody, `Deferred` the box
itself (it tries again, for ever), `Refused` a person. The scope says what the end holds back: one
instance, or everything for that destination.

Source: PS3.7 Annex C (status codes); PS3.4 B.2.3 (C-STORE); PS3.8 9.3.4 (A-ASSOCIATE-RJ).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What an outcome is about."""

    INSTANCE = "instance"
    DESTINATION = "destination"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The station has it. `warning` is its status where it took it with a remark."""

    warning: int | None = None

    @property
    def status(self) -> int:
        """(0000,0900) Status, as the station gave it."""
        return SUCCESS if self.warning is None else self.warning


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now, or not known: it stays in the spool and is tried again."""

    reason: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Refused:
    """Not like this: trying the same again will not help. It stays in the spool, with an alarm."""

    reason: str
    scope: Scope


Outcome = Delivered | Deferred | Refused

SUCCESS = 0x0000
DUPLICATE_INSTANCE = 0x0111
INVALID_ARGUMENT = 0x0115
INVALID_INSTANCE = 0x0117
SOP_CLASS_NOT_SUPPORTED = 0x0122
NOT_AUTHORISED = 0x0124
RESOURCE_LIMITATION = 0x0213
OUT_OF_RESOURCES = range(0xA700, 0xA800)
WRONG_SOP_CLASS = range(0xA900, 0xAA00)
CANNOT_UNDERSTAND = range(0xC000, 0xD000)
# Coercion, elements discarded, data set does not match: B000, B007, B006, and what vendors added.
WARNINGS = range(0xB000, 0xC000)
GENERAL_WARNINGS = (0x0001, 0x0107, 0x0116)

REJECTED_PERMANENT = 1
SERVICE_USER = 1
CALLING_NOT_RECOGNISED = 3
CALLED_NOT_RECOGNISED = 7

ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED = 4

_OF_THIS_INSTANCE = {
    DUPLICATE_INSTANCE: "station says it holds this instance already",
    INVALID_INSTANCE: "station finds the SOP instance UID invalid",
    SOP_CLASS_NOT_SUPPORTED: "station does not store this kind of instance",
}


def outcome_of(status: int | None) -> Outcome:
    """Say what a C-STORE response means for the spool.

    A status this table does not know is deferred: to keep an instance too long is cheap,
    to drop one is not.

    Args:
        status: (0000,0900) Status; None where the station gave no valid response.
    """
    if status is None:
        return Deferred("no valid response", Scope.DESTINATION)
    if status == SUCCESS:
        return Delivered()
    if status in WARNINGS or status in GENERAL_WARNINGS:
        return Delivered(warning=status)
    if status in OUT_OF_RESOURCES or status == RESOURCE_LIMITATION:
        return Deferred(f"station is out of resources (0x{status:04X})", Scope.DESTINATION)
    if status == NOT_AUTHORISED:
        return Refused("station does not accept our AE title", Scope.DESTINATION)
    if status in _OF_THIS_INSTANCE:
        return Refused(f"{_OF_THIS_INSTANCE[status]} (0x{status:04X})", Scope.INSTANCE)
    if status in WRONG_SOP_CLASS or status in CANNOT_UNDERSTAND:
        return Refused(f"station cannot take this instance (0x{status:04X})", Scope.INSTANCE)
    return Deferred(f"unknown status 0x{status:04X}", Scope.INSTANCE)


def outcome_of_rejection(result: int, source: int, diagnostic: int) -> Deferred | Refused:
    """Say what an A-ASSOCIATE-RJ means: it always holds the whole destination.

    Args:
        result: 1 permanent, 2 transient.
        source: 1 service user, 2 and 3 service provider.
        diagnostic: its meaning depends on `source`.

    Source: PS3.8 Table 9-21.
    """
    if source == SERVICE_USER and diagnostic == CALLED_NOT_RECOGNISED:
        return Refused("station does not know the AE title we call", Scope.DESTINATION)
    if source == SERVICE_USER and diagnostic == CALLING_NOT_RECOGNISED:
        return Refused("station does not know our AE title", Scope.DESTINATION)
    if result == REJECTED_PERMANENT:
        return Refused(
            f"station rejects our associations (source {source}, reason {diagnostic})",
            Scope.DESTINATION,
        )
    return Deferred(
        f"station takes no association now (source {source}, reason {diagnostic})",
        Scope.DESTINATION,
    )


def outcome_of_no_context(results: tuple[int, ...]) -> Deferred | Refused:
    """Say what it means that a station accepted no presentation context of an instance.

    Args:
        results: result of each context proposed for its SOP class, in any syntax.

    Source: PS3.8 Table 9-18.
    """
    if results and all(result == ABSTRACT_SYNTAX_NOT_SUPPORTED for result in results):
        return Refused("station does not store this kind of instance", Scope.INSTANCE)
    if results and all(
        result in (ABSTRACT_SYNTAX_NOT_SUPPORTED, TRANSFER_SYNTAXES_NOT_SUPPORTED)
        for result in results
    ):
        return Refused("station accepts no transfer syntax we can offer", Scope.INSTANCE)
    return Deferred("station accepts no presentation context now", Scope.INSTANCE)
