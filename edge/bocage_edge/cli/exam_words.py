"""What is said to people of exams, in French and English. Pure, a table."""

from __future__ import annotations

_WORDS = {
    "exam": ("examen", "exam"),
    "link": ("liaison", "link"),
    "class": ("classe, service", "class, service"),
    "state": ("état", "state"),
    "modality": ("modalité", "modality"),
    "convention": ("convention", "convention"),
    "first": ("première image", "first instance"),
    "accepted": ("accepté", "accepted"),
    "arrive_by": ("à livrer avant", "arrive by"),
    "slot": ("vacation", "slot"),
    "quiet": ("au repos depuis", "quiet since"),
    "request": ("demande reçue", "request came"),
    "report_due": ("compte rendu attendu", "report due"),
    "report": ("compte rendu livré", "report delivered"),
    "report_state": ("état du compte rendu", "report state"),
    "unsent": ("objets non envoyés", "objects not sent"),
    "at_partner": ("objets non livrés", "objects not delivered"),
    "delivered": ("objets livrés", "objects delivered"),
    "held": ("objets retenus", "objects held"),
    "released": (
        "{ref} : {count} objets seront livrés",
        "{ref}: {count} objects will be delivered",
    ),
    "dropped": (
        "{ref} : {count} objets ne seront pas livrés",
        "{ref}: {count} objects will not be delivered",
    ),
    "alarms": ("alarmes", "alarms"),
    "cancelled": (
        "{ref} annulé : {unsent} objets retirés de l'envoi, {at_partner} chez le partenaire qui les"
        " retient s'ils ne sont pas livrés, {delivered} déjà livrés",
        "{ref} cancelled: {unsent} objects taken out of the sending, {at_partner} at the partner,"
        " who holds what is not delivered yet, {delivered} delivered already",
    ),
    "call_practice": ("prévenir le cabinet par téléphone", "telephone the practice"),
    "raised": ("{ref} est urgent, comme sur {service}", "{ref} is urgent, as on {service}"),
    "not_raisable": (
        "{ref} ne peut pas devenir urgent : refusé, annulé, ou urgent déjà",
        "{ref} cannot become urgent: it is refused, cancelled, or urgent already",
    ),
    "no_urgent": (
        "la liaison {link} n'a pas de service urgent en vigueur",
        "link {link} has no urgent service in force",
    ),
    "not_ours": (
        "{ref} vient du partenaire : c'est l'hôpital qui annule ou élève",
        "{ref} comes from the partner: the hospital cancels or raises",
    ),
    "no exam of ours": ("aucun examen à nous", "no exam of ours"),
    "already cancelled": ("déjà annulé", "already cancelled"),
    "its report has come: it has been read": (
        "son compte rendu est là : il a été interprété",
        "its report has come: it has been read",
    ),
    "already delivered as a whole": ("déjà livré en entier", "already delivered as a whole"),
    "modality_not_agreed": (
        "modalité hors convention pour le service urgent",
        "modality not agreed for the urgent service",
    ),
    "outside_validity": ("aucune convention en vigueur", "no convention is in force"),
    "outside_slots": ("urgence hors vacation", "urgent outside the slots"),
    "volume": ("volume convenu atteint", "the agreed volume is used up"),
    "consent_missing": ("consentement du patient absent", "the patient's consent is missing"),
}


def say(what: str, language: str, **filled: object) -> str:
    """Say something.

    Args:
        what: of the table.
        language: "fr" or "en".
        filled: what the words name.
    """
    return _WORDS[what][0 if language == "fr" else 1].format(**filled)
