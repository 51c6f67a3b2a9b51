"""What an alert says to whoever reads the site's audit repository, in their language. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bocage_edge.audit import codes
from bocage_edge.audit.codes import Code
from bocage_edge.audit.happening import Detail

Language = Literal["fr", "en"]


@dataclass(frozen=True, slots=True)
class Alert:
    """How a kind of ledger entry is told.

    Args:
        fr, en: with {details} of the entry's body; one that is missing is written as "?".
    """

    type: Code
    outcome: int
    fr: str
    en: str


ALERTS: dict[str, Alert] = {
    "association_refused": Alert(
        codes.NODE_AUTHENTICATION,
        codes.MINOR_FAILURE,
        "Association DICOM refusée : {calling} vers {called} depuis {address} ({reason}),"
        " {count} fois",
        "DICOM association refused: {calling} to {called} from {address} ({reason}), {count} times",
    ),
    "configuration": Alert(
        codes.SECURITY_CONFIGURATION,
        codes.SUCCESS,
        "Configuration signée en vigueur, révision {revision}",
        "Signed configuration in force, revision {revision}",
    ),
    "not_allowed": Alert(
        codes.RESTRICTED_FUNCTION,
        codes.SERIOUS_FAILURE,
        "Le service {unit} a voulu écrire au journal ce qui ne lui revient pas : {refused_kind}",
        "Unit {unit} tried to write into the ledger what is not its to write: {refused_kind}",
    ),
    "partner_behind": Alert(
        codes.NODE_AUTHENTICATION,
        codes.MINOR_FAILURE,
        "Le boîtier partenaire est revenu à un état ancien ou a été remplacé",
        "The partner's box went back to an older state, or was replaced",
    ),
    "partner_changed": Alert(
        codes.NODE_AUTHENTICATION,
        codes.SUCCESS,
        "Les clés du partenaire ont changé et ont été confirmées de nouveau",
        "The partner's keys changed and were confirmed anew",
    ),
    "partner_confirmed": Alert(
        codes.NODE_AUTHENTICATION,
        codes.SUCCESS,
        "Le partenaire {partner} a été confirmé par les six mots",
        "Partner {partner} was confirmed by its six words",
    ),
    "partner_fork": Alert(
        codes.NODE_AUTHENTICATION,
        codes.SERIOUS_FAILURE,
        "Le partenaire {device} a signé deux histoires qui se contredisent",
        "Partner {device} has signed two histories that contradict each other",
    ),
    "partner_misbehaved": Alert(
        codes.NODE_AUTHENTICATION,
        codes.SERIOUS_FAILURE,
        "Le partenaire a enfreint le protocole et a été coupé ({fault}), {cuts} fois",
        "The partner broke the protocol and was cut off ({fault}), {cuts} times",
    ),
    "unlocked": Alert(
        codes.RESTRICTED_FUNCTION,
        codes.SUCCESS,
        "Boîtier déverrouillé ({by})",
        "Box unlocked ({by})",
    ),
}


def alert_text(kind: str, details: Mapping[str, Detail], language: Language) -> str:
    """Say what happened.

    Raises:
        KeyError: no alert of this kind.
    """
    alert = ALERTS[kind]
    pattern = alert.fr if language == "fr" else alert.en
    return pattern.format_map(_Details(details))


class _Details(dict[str, Detail]):
    def __missing__(self, key: str) -> str:
        return "?"
