"""The conditions in words, for people at a site and for the operator, in French and English.

Each has a sentence and what to do; a level by default and how long it must hold before it is said
(a tunnel that is down for two seconds is none of anybody's business), and the condition that
explains it (no station is reached while the firewall is down: one alarm, not five).
"""

from __future__ import annotations

from dataclasses import dataclass

from bocage_contract.fingerprint import Language
from bocage_contract.fleet.health import Code, Severity


@dataclass(frozen=True, slots=True)
class Wording:
    """A condition as people read it.

    Args:
        delay_s: it must hold for so long before it is an alarm.
        because_of: conditions of the same box (and link) that explain it.
    """

    severity: Severity
    fr: str
    en: str
    do_fr: str
    do_en: str
    delay_s: int = 0
    because_of: tuple[Code, ...] = ()

    def sentence(self, language: Language) -> str:
        """Say what is the matter."""
        return self.fr if language == "fr" else self.en

    def advice(self, language: Language) -> str:
        """Say what to do about it."""
        return self.do_fr if language == "fr" else self.do_en


_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO

WORDINGS: dict[Code, Wording] = {
    Code.CONFIGURATION_MISSING: Wording(
        _CRITICAL,
        "Le boîtier n'a pas de configuration.",
        "The box has no configuration.",
        "Publiez-en une depuis la console.",
        "Publish one from the console.",
    ),
    Code.CONFIGURATION_RETURNED: Wording(
        _WARNING,
        "La dernière configuration n'a pas tenu ; le boîtier est revenu à la précédente.",
        "The last configuration did not hold; the box has gone back to the one before.",
        "Lisez quelle vérification a échoué, corrigez, publiez de nouveau.",
        "Read which check failed, correct it, and publish again.",
    ),
    Code.UNIT_SILENT: Wording(
        _CRITICAL,
        "Un service du boîtier ne répond plus.",
        "A unit of the box has stopped answering.",
        "Il redémarre seul ; sinon, redémarrez le boîtier.",
        "It starts again by itself; if not, reboot the box.",
        delay_s=60,
    ),
    Code.UNIT_FAULT: Wording(
        _WARNING,
        "Un service du boîtier signale une anomalie.",
        "A unit of the box reports a fault.",
        "Sur le boîtier : bocage-edge doctor.",
        "On the box: bocage-edge doctor.",
        delay_s=60,
    ),
    Code.PARTNER_UNCONFIRMED: Wording(
        _CRITICAL,
        "Le partenaire n'est pas confirmé : rien ne lui est envoyé.",
        "The partner is not confirmed: nothing is sent to it.",
        "Les deux sites se lisent les six mots au téléphone, puis confirment.",
        "The two sites read each other the six words by telephone, then confirm.",
    ),
    Code.PARTNER_CHANGED: Wording(
        _CRITICAL,
        "Le partenaire présente une autre identité que celle confirmée.",
        "The partner shows another identity than the one confirmed.",
        "Boîtier remplacé ? Confirmez ses six mots. Sinon, isolez-le.",
        "Was its box replaced? Confirm its six words. If not, fence it.",
    ),
    Code.PARTNER_BEHIND: Wording(
        _WARNING,
        "Le partenaire est revenu à un état plus ancien.",
        "The partner has gone back to an older state.",
        "Une carte ou une image restaurée ? Rapprochez les deux registres.",
        "Was a card or an image restored? Reconcile the two ledgers.",
    ),
    Code.TUNNEL_DOWN: Wording(
        _CRITICAL,
        "Le tunnel vers le partenaire est coupé.",
        "The tunnel to the partner is down.",
        "Vérifiez la ligne des deux sites, et que l'un des deux est joignable.",
        "Check the line at both sites, and that one of them can be reached.",
        delay_s=120,
    ),
    Code.STREAM_DOWN: Wording(
        _CRITICAL,
        "Le tunnel est là, mais aucun examen n'y passe.",
        "The tunnel is up, but no exam goes through it.",
        "Il réessaie seul ; regardez la version et la confirmation du partenaire.",
        "It tries again by itself; look at the partner's version and confirmation.",
        delay_s=60,
        because_of=(Code.TUNNEL_DOWN, Code.PARTNER_UNCONFIRMED, Code.PARTNER_CHANGED),
    ),
    Code.FIREWALL_DOWN: Wording(
        _CRITICAL,
        "Le pare-feu du boîtier n'est pas en place.",
        "The box's firewall is not in force.",
        "Redémarrez le boîtier ; si cela dure, débranchez-le du réseau extérieur.",
        "Reboot the box; if it stays, unplug it from the outer network.",
        delay_s=30,
    ),
    Code.FORWARDING_ON: Wording(
        _WARNING,
        "Le routage IP était activé ; le boîtier l'a coupé.",
        "IP forwarding was on; the box has switched it off.",
        "Cherchez qui l'a activé.",
        "Find out who switched it on.",
    ),
    Code.LOCKED: Wording(
        _CRITICAL,
        "Le boîtier est verrouillé : il reçoit et transmet, mais ne remet rien.",
        "The box is locked: it takes and relays, but delivers nothing.",
        "Déverrouillez-le d'ici, ou par le code papier du site.",
        "Unlock it from here, or with the site's paper code.",
        delay_s=60,
    ),
    Code.STATION_UNREACHABLE: Wording(
        _WARNING,
        "Une station ou un PACS du site ne répond pas.",
        "A station or PACS of the site does not answer.",
        "Est-elle allumée ? Adresse, port et titre AE sont-ils les bons ?",
        "Is it on? Are its address, port and AE title right?",
        delay_s=120,
        because_of=(Code.FIREWALL_DOWN,),
    ),
    Code.SPOOL_FULL: Wording(
        _CRITICAL,
        "Le disque est plein : le boîtier refuse les nouveaux examens.",
        "The disk is full: the box refuses new exams.",
        "Rétablissez la ligne ou la remise ; il reprend seul dès qu'il y a de la place.",
        "Restore line or delivery; it goes on by itself as soon as there is room.",
    ),
    Code.SPOOL_FILLING: Wording(
        _WARNING,
        "Le disque se remplit.",
        "The disk is filling up.",
        "Qu'est-ce qui retient les examens ?",
        "What is holding the exams back?",
        because_of=(Code.SPOOL_FULL,),
    ),
    Code.SPOOL_UNREADABLE: Wording(
        _CRITICAL,
        "Le stockage des examens est illisible.",
        "The store of exams cannot be read.",
        "Le disque est sans doute défaillant : remplacez le boîtier.",
        "The disk is probably failing: replace the box.",
    ),
    Code.BACKLOG_OLD: Wording(
        _WARNING,
        "Des objets attendent depuis plus d'une heure.",
        "Objects have waited for more than an hour.",
        "Regardez le tunnel, les stations et le verrou.",
        "Look at the tunnel, the stations and the lock.",
        because_of=(Code.TUNNEL_DOWN, Code.LOCKED, Code.STREAM_DOWN),
    ),
    Code.EXAMS_NOT_TAKEN: Wording(
        _CRITICAL,
        "Le partenaire n'a pas pu prendre des examens.",
        "The partner could not take some exams.",
        "L'hôpital les renvoie depuis la modalité ou le PACS.",
        "The hospital sends them again from the modality or the PACS.",
    ),
    Code.NEEDS_PERSON: Wording(
        _WARNING,
        "Des objets attendent la décision d'une personne du site.",
        "Objects wait for the decision of a person at the site.",
        "Sur place, la page du boîtier les montre.",
        "At the site, the box's page shows them.",
    ),
    Code.SLOT_MISSED: Wording(
        _CRITICAL,
        "Des examens n'arriveront pas avant leur vacation.",
        "Exams will not arrive before their slot.",
        "Prévenez le cabinet, et regardez la ligne.",
        "Tell the practice, and look at the line.",
    ),
    Code.URGENT_WAITING: Wording(
        _CRITICAL,
        "Un examen urgent attend.",
        "An urgent exam is waiting.",
        "Téléphonez au cabinet.",
        "Telephone the practice.",
    ),
    Code.REPORT_OVERDUE: Wording(
        _WARNING,
        "Un compte rendu est en retard.",
        "A report is overdue.",
        "Téléphonez au cabinet.",
        "Telephone the practice.",
    ),
    Code.CLOCK_UNTRUSTED: Wording(
        _WARNING,
        "L'heure du boîtier n'est attestée par personne.",
        "Nobody vouches for the box's time.",
        "Un serveur NTP est-il joignable ?",
        "Is an NTP server reachable?",
        delay_s=600,
    ),
    Code.LEDGER_BROKEN: Wording(
        _CRITICAL,
        "Le registre du boîtier ne se vérifie plus.",
        "The box's ledger no longer verifies.",
        "Exportez-le, rapprochez-le de celui du partenaire, remplacez le boîtier.",
        "Export it, reconcile it with the partner's, and replace the box.",
    ),
    Code.UNDERVOLTAGE: Wording(
        _WARNING,
        "L'alimentation du boîtier est trop faible.",
        "The box's power supply is too weak.",
        "Remplacez le bloc d'alimentation.",
        "Replace the power supply.",
    ),
    Code.THROTTLED: Wording(
        _WARNING,
        "Le processeur du boîtier est bridé.",
        "The box's processor is throttled.",
        "Alimentation ou chaleur : aérez le boîtier.",
        "Power or heat: give the box air.",
        because_of=(Code.UNDERVOLTAGE, Code.HOT),
    ),
    Code.HOT: Wording(
        _WARNING,
        "Le boîtier est trop chaud.",
        "The box is too hot.",
        "Aérez-le.",
        "Give it air.",
        delay_s=300,
    ),
    Code.MEMORY_SHORT: Wording(
        _WARNING,
        "La mémoire du boîtier est presque épuisée.",
        "The box is short of memory.",
        "Prenez un rapport d'assistance ; si cela dure, redémarrez.",
        "Collect a support bundle; if it stays, reboot.",
        delay_s=300,
    ),
    Code.DISK_WORN: Wording(
        _WARNING,
        "La carte ou le disque arrive en fin de vie.",
        "The card or disk is near the end of its life.",
        "Prévoyez son remplacement.",
        "Plan to replace it.",
    ),
    Code.DISK_FAILING: Wording(
        _CRITICAL,
        "La carte ou le disque est défaillant.",
        "The card or disk is failing.",
        "Remplacez le boîtier.",
        "Replace the box.",
    ),
    Code.AUDIT_COLLECTOR_DOWN: Wording(
        _WARNING,
        "Le dépôt des traces du site ne répond pas ; elles attendent, scellées.",
        "The site's audit repository does not answer; the messages wait, sealed.",
        "Est-il allumé ? Son certificat est-il celui de la configuration ?",
        "Is it on? Is its certificate the one in the configuration?",
        delay_s=900,
    ),
}
