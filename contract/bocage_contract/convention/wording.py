"""The words in which a fault of a convention is told: French, English. Pure, tables.

`HINTS` say what to write in a field, by its path; `*` stands for a number in a list or for a name.
"""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN_CHARACTERS = 40
_TIME = ('une heure : "08:30"', 'a time of day: "08:30"')
_DATE = ('une date : "2026-01-31"', 'a date: "2026-01-31"')
_DAYS = (
    'des jours en anglais abrégé : "mon-fri", "mon,wed", "sat-sun"',
    'days of the week: "mon-fri", "mon,wed", "sat-sun"',
)
_AE = (
    "pour le nom du service, un titre AE de 1 à 16 lettres, chiffres, « . », « _ » ou « - » : "
    '"FLERS_URG"',
    "for the name of the service an AE title of 1 to 16 letters, digits, '.', '_' or '-': "
    '"FLERS_URG"',
)
_MODALITY = ('une modalité DICOM : "CR", "DX", "CT", "MR"', 'a DICOM modality: "CR", "DX", "CT"')
_MONEY = ('un montant : "12.50"', 'an amount: "12.50"')
_LIST = ("une liste entre crochets : [ ... ]", "a list in square brackets: [ ... ]")
_OBJECT = ("un groupe entre accolades : { ... }", "a group in braces: { ... }")

HINTS: dict[str, tuple[str, str]] = {
    "contract": ("le nombre 1", "the number 1"),
    "id": (
        'un nom court en minuscules, chiffres, « - » ou « _ » : "flers-thury"',
        "a short name of small letters, digits, '-' or '_': \"flers-thury\"",
    ),
    "version": ("un nombre entier, 1 ou plus", "a whole number, 1 or more"),
    "link": (
        'le nom de la liaison : minuscules, chiffres, « - » : "flers-thury"',
        "the name of the link: small letters, digits, '-': \"flers-thury\"",
    ),
    "requesting_site": (
        'le nom de l\'hôpital, 80 caractères au plus : "Hôpital de Flers"',
        'the hospital\'s name, at most 80 characters: "Hôpital de Flers"',
    ),
    "reading_site": (
        'le nom du cabinet, 80 caractères au plus : "Cabinet de Thury"',
        'the practice\'s name, at most 80 characters: "Cabinet de Thury"',
    ),
    "valid_from": _DATE,
    "valid_until": _DATE,
    "timezone": (
        'un fuseau horaire connu, Région/Ville : "Europe/Paris"',
        'a known time zone, Area/City: "Europe/Paris"',
    ),
    "holidays": (
        'un pays ou une partie de pays dont les jours fériés sont connus : "FR", "FR-6AE", "BE" ;'
        " ou null : aucun jour férié",
        'a country, or a part of one, whose public holidays are known: "FR", "FR-6AE", "BE";'
        " or null: no public holiday",
    ),
    "services": (
        'au moins un service : {"FLERS": {"class": "routine"}}',
        'at least one service: {"FLERS": {"class": "routine"}}',
    ),
    "services.*": _AE,
    "services.*.class": (
        '"routine", "urgent" ou "prior" (examen antérieur)',
        '"routine", "urgent" or "prior" (an earlier exam)',
    ),
    "services.*.eligible": (
        '{"modalities": ["CR", "DX"]}, ou rien : toutes',
        '{"modalities": ["CR", "DX"]}, or nothing: all of them',
    ),
    "services.*.eligible.modalities": _LIST,
    "services.*.eligible.modalities.*": _MODALITY,
    "slots": _LIST,
    "slots.*": (
        '{"days": "mon-fri", "from": "08:30", "to": "10:00"}',
        '{"days": "mon-fri", "from": "08:30", "to": "10:00"}',
    ),
    "slots.*.days": _DAYS,
    "slots.*.from": _TIME,
    "slots.*.to": _TIME,
    "arrive_before_min": (
        "un nombre entier de minutes, de 0 à 1440",
        "a whole number of minutes, 0 to 1440",
    ),
    "transfer": _OBJECT,
    "transfer.routine": (
        '"always", ou une liste de plages : [{"from": "12:00", "to": "14:00"}]',
        '"always", or a list of windows: [{"from": "12:00", "to": "14:00"}]',
    ),
    "transfer.routine.*": (
        '{"from": "12:00", "to": "14:00"}',
        '{"from": "12:00", "to": "14:00"}',
    ),
    "transfer.routine.*.days": _DAYS,
    "transfer.routine.*.from": _TIME,
    "transfer.routine.*.to": _TIME,
    "transfer.cap_mbit": _LIST,
    "transfer.cap_mbit.*": (
        '{"from": "08:00", "to": "18:00", "mbit": 4}',
        '{"from": "08:00", "to": "18:00", "mbit": 4}',
    ),
    "transfer.cap_mbit.*.from": _TIME,
    "transfer.cap_mbit.*.to": _TIME,
    "transfer.cap_mbit.*.mbit": (
        "un nombre entier de Mbit/s, 1 ou plus",
        "a whole number of Mbit/s, 1 or more",
    ),
    "urgent": _OBJECT,
    "urgent.outside_slots": ('"accept" ou "refuse"', '"accept" or "refuse"'),
    "urgent.tell": _LIST,
    "urgent.tell.*": (
        '{"name": "garde", "phone": "+33 2 31 00 00 00"}',
        '{"name": "on call", "phone": "+33 2 31 00 00 00"}',
    ),
    "urgent.tell.*.name": (
        "une fonction ou un nom, 80 caractères au plus",
        "a function or a name, at most 80 characters",
    ),
    "urgent.tell.*.phone": (
        'un numéro de téléphone : "+33 2 31 00 00 00"',
        'a telephone number: "+33 2 31 00 00 00"',
    ),
    "request": (
        '"required" (exigée), "wanted" (souhaitée) ou "none" (aucune)',
        '"required", "wanted" or "none"',
    ),
    "report": _OBJECT,
    "report.due": (
        'une échéance : "slot end + 60 min", "slot start + 2 h" ou "accepted + 24 h"',
        'when it is due: "slot end + 60 min", "slot start + 2 h" or "accepted + 24 h"',
    ),
    "report.counts": ('"final"', '"final"'),
    "report.formats": _LIST,
    "report.formats.*": (
        '"encapsulated-pdf", "sr", "cda", "hl7-oru" ou "hl7-mdm"',
        '"encapsulated-pdf", "sr", "cda", "hl7-oru" or "hl7-mdm"',
    ),
    "consent": (
        '{"how": "declared-by-sending"}, ou {"how": "attribute", "keyword": ..., "value": ...}',
        '{"how": "declared-by-sending"}, or {"how": "attribute", "keyword": ..., "value": ...}',
    ),
    "consent.how": (
        '"declared-by-sending" (l\'envoi vaut consentement recueilli) ou "attribute"',
        '"declared-by-sending" (who sends has it) or "attribute"',
    ),
    "consent.keyword": (
        'le mot-clé DICOM d\'un attribut qui peut le porter : "PatientComments"',
        'the DICOM keyword of an attribute that can hold it: "PatientComments"',
    ),
    "consent.value": (
        "la valeur attendue, 64 caractères au plus",
        "the value it must have, at most 64 characters",
    ),
    "consent.values": _LIST,
    "consent.values.*": (
        "une valeur admise, 1 à 64 caractères",
        "a value it may have, 1 to 64 characters",
    ),
    "volume": _OBJECT,
    "volume.exams_per_month": (
        "un nombre entier d'examens, 1 ou plus, ou null",
        "a whole number of exams, 1 or more, or null",
    ),
    "volume.exams_per_slot": (
        "un nombre entier d'examens, 1 ou plus, ou null",
        "a whole number of exams, 1 or more, or null",
    ),
    "volume.above": ('"accept-with-alarm" ou "refuse"', '"accept-with-alarm" or "refuse"'),
    "changed_content": (
        '"both" (les deux), "newest" (la dernière) ou "ask" (demander)',
        '"both", "newest" or "ask"',
    ),
    "tariff": (
        '{"currency": "EUR", "exam": {"CR": "12.50"}}',
        '{"currency": "EUR", "exam": {"CR": "12.50"}}',
    ),
    "tariff.currency": ('une monnaie en trois lettres : "EUR"', 'a currency: "EUR"'),
    "tariff.exam": (
        'un montant par modalité : {"CR": "12.50"}',
        'an amount for each modality: {"CR": "12.50"}',
    ),
    "tariff.exam.*": (
        'un montant par modalité DICOM, deux décimales au plus : {"CR": "12.50"}',
        'an amount for a DICOM modality, at most two decimals: {"CR": "12.50"}',
    ),
    "tariff.other": _MONEY,
}

WORDS: dict[str, tuple[str, str]] = {
    # The text as a whole
    "not_json": (
        "ligne {line}, caractère {column} : ce n'est pas du JSON ; le plus souvent il manque une"
        " virgule ou un guillemet, ou il y en a un de trop",
        "line {line}, character {column}: this is not JSON; most often a comma or a quote is"
        " missing, or is one too many",
    ),
    "not_readable": (
        "le fichier n'est pas lisible : enregistrez-le en JSON, codage UTF-8",
        "the file cannot be read: save it as JSON in UTF-8",
    ),
    "not_an_object": (
        "une convention commence par {{ et finit par }}",
        "a convention begins with {{ and ends with }}",
    ),
    # One field
    "missing": ("ce champ manque ; écrivez {hint}", "this field is missing; write {hint}"),
    "wrong": ("cette valeur ne convient pas ; écrivez {hint}", "this does not fit; write {hint}"),
    "no_hint": ("une valeur du guide (docs/convention.md)", "a value from docs/convention.md"),
    "doubled": (
        "ce nom est écrit deux fois ; gardez-en un seul",
        "this name stands twice; keep one of them",
    ),
    "unknown": (
        "ce champ est inconnu et reste sans effet ; supprimez-le",
        "this field is unknown and has no effect; remove it",
    ),
    "unknown_meant": (
        "ce champ est inconnu et reste sans effet ; vouliez-vous écrire « {meant} » ?",
        "this field is unknown and has no effect; did you mean '{meant}'?",
    ),
    # Several fields
    "reversed": (
        "la convention finirait avant de commencer ; écrivez le {first} ou une date suivante",
        "the convention would end before it begins; write {first} or a later date",
    ),
    "same_site": (
        "les deux sites portent le même nom ; écrivez celui du cabinet qui interprète",
        "both sites bear the same name; write that of the practice that reads",
    ),
    "alike": (
        "ce nom ne diffère de « {other} » que par les majuscules ; les manipulateurs les"
        " confondront",
        "this name differs from '{other}' by capitals only; technologists will mix them up",
    ),
    "report_service": (
        'un compte rendu n\'est pas un service de l\'hôpital ; écrivez "routine", "urgent" ou'
        ' "prior"',
        'a report is no service of the hospital; write "routine", "urgent" or "prior"',
    ),
    "nothing_to_read": (
        "aucun service n'a d'examen à interpréter ; ajoutez-en un de classe \"routine\" ou"
        ' "urgent"',
        'no service has an exam to be read; add one of class "routine" or "urgent"',
    ),
    "no_urgent": (
        'aucun service de classe "urgent" : une urgence ne pourra pas être envoyée',
        'no service of class "urgent": an emergency cannot be sent',
    ),
    "whole_day": (
        "le début et la fin sont la même heure : la vacation dure 24 heures",
        "from and to are the same time: the slot lasts 24 hours",
    ),
    "overlap": (
        "cette vacation recouvre la vacation n° {other} ; changez ses jours ou ses heures",
        "this slot overlaps slot no. {other}; change its days or times",
    ),
    "before_longer_than_slots": (
        "deux vacations commencent à {minutes} min d'intervalle ; écrivez moins de {minutes}",
        "two slots start {minutes} min apart; write less than {minutes}",
    ),
    "before_longer_than_gap": (
        "il n'y a que {minutes} min entre deux vacations : un examen pour la suivante doit arriver"
        " pendant la précédente",
        "there are only {minutes} min between two slots: an exam for the later one must arrive"
        " during the earlier one",
    ),
    "no_window": (
        "aucune plage de transfer.routine n'est ouverte entre la vacation précédente et celle-ci ;"
        ' ajoutez-en une, ou écrivez "always"',
        "no window of transfer.routine is open between the slot before and this one; add one, or"
        ' write "always"',
    ),
    "window_too_short": (
        "les plages laissent {minutes} min avant cette vacation, assez pour {can} examens de 20 Mo"
        " au débit convenu ; {agreed} sont prévus par vacation",
        "the windows leave {minutes} min before this slot, enough for {can} exams of 20 MB at the"
        " agreed bandwidth; {agreed} are agreed for a slot",
    ),
    "no_slots": (
        "aucune vacation : les examens de routine n'en attendent aucune",
        "no slots: routine exams wait for none",
    ),
    "due_without_slot": (
        "l'échéance compte à partir d'une vacation et il n'y en a pas ; écrivez"
        ' "accepted + 24 h"',
        'it counts from a slot and there is none; write "accepted + 24 h"',
    ),
    "refuse_without_slot": (
        "sans vacation, aucune urgence n'est hors vacation : rien ne sera refusé",
        "without slots no urgent exam is outside them: nothing will be refused",
    ),
    "volume_without_slot": (
        "sans vacation, ce nombre reste sans effet",
        "without slots this number has no effect",
    ),
    "no_slot_ever": (
        "aucune vacation ne tombe entre valid_from et valid_until ; changez les jours ou les dates",
        "no slot lies between valid_from and valid_until; change the days or the dates",
    ),
    "nobody_told": (
        "personne n'est nommé pour les urgences hors vacation ; ajoutez un contact",
        "nobody is named for emergencies outside the slots; add a contact",
    ),
    "no_format": (
        'aucun format de compte rendu ; écrivez ["encapsulated-pdf", "sr"]',
        'no format of a report; write ["encapsulated-pdf", "sr"]',
    ),
    "no_keyword": (
        "quel attribut porte le consentement ? Écrivez {hint}",
        "which attribute holds the consent? Write {hint}",
    ),
    "any_consent": (
        "n'importe quel texte vaudra consentement ; mieux vaut convenir d'une valeur",
        "any text will count as consent; better agree on a value",
    ),
    "consent_not_read": (
        'l\'attribut n\'est pas lu : pour qu\'il le soit, écrivez "how": "attribute"',
        'the attribute is not read: for that write "how": "attribute"',
    ),
    "refuse_without_volume": (
        "aucun nombre n'est convenu : rien ne sera refusé",
        "no number is agreed: nothing will be refused",
    ),
    "month_over_slots": (
        "les vacations d'un mois ne suffisent que pour {most} examens de routine au plus",
        "a month's slots are enough for {most} routine exams at most",
    ),
    "never_travels": (
        "aucun service à interpréter n'accepte cette modalité ; supprimez ce tarif ou ajoutez la"
        " modalité à un service",
        "no service to be read takes this modality; remove the tariff or add the modality to a"
        " service",
    ),
    "no_tariff": (
        "aucun tarif : les examens ne coûtent rien",
        "no tariff: exams cost nothing",
    ),
    "without_tariff": (
        "la modalité {modality} peut être envoyée et n'a pas de tarif : elle ne coûte rien",
        "modality {modality} may travel and has no tariff: it costs nothing",
    ),
    "other_without_tariff": (
        "un service accepte toutes les modalités ; celles sans tarif ne coûtent rien",
        "a service takes every modality; those without a tariff cost nothing",
    ),
}


def where(place: Sequence[str | int], language: str) -> str:
    """Name a place in the text; entries of a list are counted from 1.

    Returns:
        `slots n° 2, from`.
    """
    number = "n°" if language == "fr" else "no."
    said = ""
    for part in place:
        if isinstance(part, int):
            said += f" {number} {part + 1}"
            continue
        shown = "".join(each if each.isprintable() else "?" for each in part)
        said += (", " if said[-1:].isdigit() else "." if said else "") + shown[:_SHOWN_CHARACTERS]
    return said
