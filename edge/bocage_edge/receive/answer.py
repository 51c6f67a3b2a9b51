"""What we answer to a request, and how we say it to a technologist. Pure.

The comment stands on the modality's screen or in its log. A command set is plain ASCII of at most
64 characters (PS3.5 6.1.1, LO), so the French has no accents.

Source: PS3.4 B.2.3, PS3.7 9.1.1.1.9, 10.1.4.1.10 and annex C.
"""

from __future__ import annotations

from enum import Enum

MAX_COMMENT_CHARACTERS = 64

# The standard's codes, and inside its ranges our own choice.
SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
INVALID_ARGUMENT = 0x0115
INVALID_SOP_INSTANCE = 0x0117
NO_SUCH_CLASS = 0x0118
SOP_CLASS_NOT_SUPPORTED = 0x0122
NO_SUCH_ACTION = 0x0123
NOT_AUTHORIZED = 0x0124  # PS3.7 annex C.4.3
DUPLICATE_TRANSACTION = 0x0131  # a Failure Reason of PS3.3 C.14.1.1, and as such understood
RESOURCE_LIMITATION = 0x0213
OUT_OF_RESOURCES = 0xA700
NOT_READY = 0xA701  # A7xx: a modality sends again later
WRONG_IDENTITY = 0xA900
# Cxxx concerns this instance alone; 0124 would be taken as being about the sender.
PATIENT_CONTRADICTS = 0xC001
CANNOT_UNDERSTAND = 0xC000


class Answer(Enum):
    """How one request ended: status, French, English; `{partner}` is filled in."""

    STORED = (SUCCESS, "", "")
    NO_ROOM = (
        OUT_OF_RESOURCES,
        "Bocage: plus de place, prevenir, renvoyer plus tard",
        "Bocage: no room left, tell the operator, send again later",
    )
    DISK_FAULT = (
        OUT_OF_RESOURCES,
        "Bocage: disque en panne, prevenir l'exploitant",
        "Bocage: disk fault, tell the operator",
    )
    NOT_CONFIRMED = (
        NOT_READY,
        "Partenaire {partner} non confirme",
        "Partner {partner} is not confirmed",
    )
    PARTNER_CHANGED = (
        NOT_READY,
        "ALERTE cles changees: {partner}",
        "ALARM keys changed: {partner}",
    )
    KEEPER_SILENT = (
        NOT_READY,
        "Bocage demarre ou gardien arrete, renvoyer plus tard",
        "Bocage starts or keeper stopped, send again later",
    )
    SERVICE_GONE = (
        NOT_READY,
        "Bocage: ce service n'existe plus, voir la configuration",
        "Bocage: this service is gone, see the configuration",
    )
    BAD_INSTANCE_UID = (
        INVALID_SOP_INSTANCE,
        "SOP Instance UID non valide",
        "SOP Instance UID is not valid",
    )
    WRONG_CLASS = (
        SOP_CLASS_NOT_SUPPORTED,
        "SOP Class differente du contexte de presentation",
        "SOP Class is not that of the presentation context",
    )
    OTHER_IDENTITY = (
        WRONG_IDENTITY,
        "UID du fichier et de la commande differents",
        "UIDs of data set and command differ",
    )
    TRUNCATED = (
        CANNOT_UNDERSTAND,
        "Objet incomplet, renvoyer",
        "Instance is cut short, send again",
    )
    UNREADABLE = (
        CANNOT_UNDERSTAND,
        "Objet illisible (DICOM non valide)",
        "Instance cannot be read (not valid DICOM)",
    )
    NO_STUDY = (
        CANNOT_UNDERSTAND,
        "Study Instance UID absent ou non valide",
        "Study Instance UID is missing or not valid",
    )
    MODALITY_NOT_AGREED = (
        NOT_AUTHORIZED,
        "Refuse: modalite hors convention pour ce service",
        "Refused: modality not agreed for this service",
    )
    OUTSIDE_VALIDITY = (
        NOT_AUTHORIZED,
        "Refuse: aucune convention en vigueur pour ce service",
        "Refused: no convention is in force for this service",
    )
    OUTSIDE_SLOTS = (
        NOT_AUTHORIZED,
        "Refuse: urgence hors vacation, appeler le cabinet",
        "Refused: urgent outside the slots, call the practice",
    )
    VOLUME = (
        NOT_AUTHORIZED,
        "Refuse: volume convenu atteint, appeler le cabinet",
        "Refused: the agreed volume is used up, call the practice",
    )
    CONSENT_MISSING = (
        NOT_AUTHORIZED,
        "Refuse: consentement du patient absent de l'objet",
        "Refused: the patient's consent is not in the instance",
    )
    OTHER_PATIENT = (
        PATIENT_CONTRADICTS,
        "Refuse: l'examen est d'un autre patient, verifier",
        "Refused: the exam is another patient's, check the report",
    )
    NO_COMMITMENT = (
        NO_SUCH_CLASS,
        "Bocage: archivage non propose a cet appelant",
        "Bocage: storage commitment is not offered to this caller",
    )
    UNKNOWN_ACTION = (
        NO_SUCH_ACTION,
        "Bocage: action inconnue",
        "Bocage: no such action",
    )
    UNKNOWN_INSTANCE = (
        NO_SUCH_INSTANCE,
        "Bocage: instance inconnue, voir la norme PS3.4 J",
        "Bocage: no such instance, see PS3.4 J",
    )
    COMMITMENT_UNREADABLE = (
        INVALID_ARGUMENT,
        "Bocage: demande d'archivage illisible",
        "Bocage: storage commitment data set cannot be read",
    )
    COMMITMENT_TOO_LARGE = (
        RESOURCE_LIMITATION,
        "Bocage: trop d'objets dans une demande, la diviser",
        "Bocage: too many instances in one request, divide it",
    )
    COMMITMENT_TOO_MANY = (
        RESOURCE_LIMITATION,
        "Bocage: trop de demandes ouvertes, plus tard",
        "Bocage: too many requests are open, ask again later",
    )
    COMMITMENT_IN_USE = (
        DUPLICATE_TRANSACTION,
        "Bocage: Transaction UID deja utilise",
        "Bocage: this Transaction UID is in use",
    )
    COMMITMENT_FOREIGN = (
        INVALID_ARGUMENT,
        "Bocage: transaction inconnue",
        "Bocage: nobody asked for this transaction",
    )
    COMMITMENT_NOT_NOW = (
        PROCESSING_FAILURE,
        "Bocage: pas pret, redemander plus tard",
        "Bocage: not ready, ask again later",
    )
    FAULT = (
        PROCESSING_FAILURE,
        "Bocage: erreur interne, prevenir l'exploitant",
        "Bocage: internal error, tell the operator",
    )

    @property
    def status(self) -> int:
        """(0000,0900) Status."""
        return int(self.value[0])

    @property
    def is_success(self) -> bool:
        """Whether the instance is safe with us."""
        return self.status == SUCCESS

    def comment(self, language: str, *, partner: str = "") -> str:
        """(0000,0902) Error Comment.

        Args:
            language: "fr" or "en".
            partner: device id of the partner.
        """
        text = str(self.value[1 if language == "fr" else 2])
        return text.format(partner=partner)[:MAX_COMMENT_CHARACTERS]
