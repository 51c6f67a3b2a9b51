"""What we answer to a message, and how we say it to whoever reads the sender's log. Pure.

The sentence goes into MSA-3: at most 80 characters, plain ASCII, for many systems show it as they
got it. `AE`: as it is now, try again. `AR`: not like this, somebody must change something.

Source: HL7 v2.5.1 2.9.2.2, 2.15.8.3.
"""

from __future__ import annotations

from enum import Enum

from bocage_edge.hl7.acknowledgement import Verdict

MAX_TEXT_CHARACTERS = 80
_ACCEPT, _ERROR, _REJECT = Verdict.ACCEPT, Verdict.ERROR, Verdict.REJECT


class Hl7Answer(Enum):
    """How it went with a message: verdict, French, English; `{name}` is filled in."""

    TAKEN = (_ACCEPT, "", "")
    UNREADABLE = (
        _REJECT,
        "Bocage: message illisible, il doit commencer par MSH",
        "Bocage: message cannot be read, it must begin with MSH",
    )
    UNENDED = (
        _ERROR,
        "Bocage: message sans fin (octets 1C 0D), renvoyer en entier",
        "Bocage: message without its end (bytes 1C 0D), send it again whole",
    )
    TOO_LONG = (
        _REJECT,
        "Bocage: message de plus de 32 Mio, envoyer le document autrement",
        "Bocage: message of more than 32 MiB, send the document another way",
    )
    UNSUPPORTED = (
        _REJECT,
        "Bocage prend ORM O01, OMI O23, ORU R01 et MDM T02 a T11 seulement",
        "Bocage takes ORM O01, OMI O23, ORU R01 and MDM T02 to T11 only",
    )
    WRONG_SENDER = (
        _REJECT,
        "MSH-3/MSH-4 ne sont pas ceux prevus pour cette adresse: configurer",
        "MSH-3/MSH-4 are not those configured for this address",
    )
    NO_LINK = (
        _ERROR,
        "MSH-5/MSH-6 ne designent aucun lien: configurer {name}",
        "MSH-5/MSH-6 name no link: configure sender {name}",
    )
    SEVERAL_LINKS = (
        _ERROR,
        "MSH-5/MSH-6 designent plusieurs liens: configurer {name}",
        "MSH-5/MSH-6 fit several links: configure sender {name}",
    )
    NO_REQUESTS = (
        _REJECT,
        "Ce site ne demande pas d'interpretation: ORM et OMI sont refuses",
        "This site asks for no reading: ORM and OMI are refused",
    )
    NO_REPORTS = (
        _REJECT,
        "Ce site n'interprete pas pour un autre: ORU et MDM sont refuses",
        "This site reads for nobody: ORU and MDM are refused",
    )
    PATIENT_CONTRADICTS = (
        _REJECT,
        "Refuse: l'examen designe est celui d'un autre patient",
        "Refused: the exam it names is another patient's",
    )
    NOT_CONFIRMED = (
        _ERROR,
        "Partenaire {name} non confirme, renvoyer plus tard",
        "Partner {name} is not confirmed, send again later",
    )
    PARTNER_CHANGED = (
        _ERROR,
        "ALERTE cles changees: {name}, prevenir l'exploitant",
        "ALARM keys changed: {name}, tell the operator",
    )
    KEEPER_SILENT = (
        _ERROR,
        "Bocage demarre ou gardien arrete, renvoyer plus tard",
        "Bocage starts or keeper stopped, send again later",
    )
    LINK_GONE = (
        _ERROR,
        "Bocage: ce lien n'est plus configure, voir la configuration",
        "Bocage: this link is not configured any more",
    )
    NO_ROOM = (
        _ERROR,
        "Bocage: plus de place, prevenir, renvoyer plus tard",
        "Bocage: no room left, tell the operator, send again later",
    )
    DISK_FAULT = (
        _ERROR,
        "Bocage: disque en panne, prevenir l'exploitant",
        "Bocage: disk fault, tell the operator",
    )
    FAULT = (
        _ERROR,
        "Bocage: erreur interne, prevenir l'exploitant",
        "Bocage: internal error, tell the operator",
    )

    @property
    def verdict(self) -> Verdict:
        """What the code says."""
        return Verdict(self.value[0])

    @property
    def is_success(self) -> bool:
        """Whether the message is safe with us."""
        return self.verdict is Verdict.ACCEPT

    def text(self, language: str, *, name: str = "") -> str:
        """MSA-3.

        Args:
            language: "fr" or "en".
            name: of the sender or the partner, of a closed alphabet.
        """
        said = str(self.value[1 if language == "fr" else 2])
        return said.format(name=name)[:MAX_TEXT_CHARACTERS]


# What a reader finds wrong with a message (`Hl7Error`), as a French site reads it.
FRENCH_FAULTS = {
    "a message begins with MSH": "un message commence par MSH",
    "a message may have 20000 segments at most": "un message a 20000 segments au plus",
    "MSH-1 and MSH-2 are no separators": "MSH-1 et MSH-2 ne sont pas des separateurs",
    "a message in a character set of ISO 2022 is not read: send it in UTF-8": (
        "jeu de caracteres ISO 2022 non lu: envoyer en UTF-8"
    ),
    "MSH-10 is empty: a message needs a control id": "MSH-10 est vide: il faut un identifiant",
    "MSH-10 is too long: 199 characters at most": "MSH-10 trop long: 199 caracteres au plus",
    "PID is missing": "PID est absent",
    "OBX is missing: a report without content": "OBX est absent: compte rendu sans contenu",
    "OBX-5 says it is a file, but is no base64": "OBX-5 dit etre un fichier, mais n'est pas base64",
}


def fault_text(fault: str, language: str) -> str:
    """Say what is wrong with a message.

    Args:
        fault: the text of an `Hl7Error`; ours, it never quotes the message.
        language: "fr" or "en".
    """
    said = FRENCH_FAULTS.get(fault, fault) if language == "fr" else fault
    return f"Bocage: {said}"[:MAX_TEXT_CHARACTERS]
