"""A receive unit with both its sides on loopback, for tests of HL7 and of what it goes with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bocage_contract.configuration import Desired
from bocage_contract.ledger import draft
from bocage_edge.configuration import InForce
from bocage_edge.exam.identities import Identities, Issued
from bocage_edge.exam.identity import NO_EXAM, exam_id
from bocage_edge.exam.names import names_of
from bocage_edge.receive.hl7_reception import Hl7Reception
from bocage_edge.receive.hl7_session import SessionLimits
from bocage_edge.receive.hl7_side import Hl7Side
from bocage_edge.seal.keys import new_key
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.reader import open_sealed
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import ObjectKind, StoredObject
from tests.edge.hl7.messages import STUDY
from tests.edge.receive.test_exam_book import store
from tests.edge.spool.making import arrived
from tests.fakes.instances import Instance, element, instance
from tests.fakes.mllp import MllpPeer
from tests.fakes.site import LINK, LINK_KEY, Site, in_force

PARTNER_KEY = new_key()
RIS = {"name": "ris", "addresses": ["127.0.0.1"], "links": [{"link": LINK}]}
ISSUERS = [
    {"name": "CHFLERS", "oid": "1.2.250.1.999.1", "assumed": True},
    {"name": "THURY"},
]
EXAM = exam_id(LINK_KEY, STUDY)
# As the order of tests/edge/hl7/messages.py has it, seen from its images.
OF_IMAGES = Identities(
    study_uid=STUDY,
    accessions=(Issued("ACC77", "RIS"),),
    orders=("A100",),
    patients=(Issued("0042", "CHFLERS"),),
    ins=("279035121518989",),
    name="LEMAÎTRE^Hélène",
    birth_date="19790314",
    sex="F",
)


def hl7_in_force(role: str = "requesting", *senders: dict[str, Any], **hl7: Any) -> InForce:
    """A configuration whose box takes HL7 from loopback into its one link."""
    now = in_force(opening=PARTNER_KEY.recipient)
    document = now.desired.to_json()
    document["site"]["issuers"] = ISSUERS
    document["links"][0]["role"] = role
    document["receive"]["hl7"] = {"port": 2575, "senders": list(senders) or [RIS], **hl7}
    return replace(now, desired=Desired.of(document))


class Hl7Site:
    """A box's receive unit that takes DICOM and HL7."""

    def __init__(
        self,
        folder: Path,
        configured: InForce | None = None,
        *,
        limits: SessionLimits | None = None,
        spool: Spool | None = None,
        on_durable: Callable[[], None] | None = None,
    ) -> None:
        """Make it and listen.

        Args:
            on_durable: told of every object that may travel, before its message is answered.
        """
        self.configured = configured or hl7_in_force()
        self.site = Site(folder, self.configured, spool=spool)
        self.spool = self.site.spool
        self.reception = _AnyPort(
            self.configured,
            spool=self.spool,
            link_key=lambda _link: LINK_KEY,
            exams=self.site.reception.exams,
            ring_relay=on_durable or self.site.rings.release,
            clock=self.site.clock,
            limits=limits,
        )
        self.side = Hl7Side(self.reception)
        self.side.listen()

    @property
    def port(self) -> int:
        """Where it listens for HL7."""
        assert self.side.port is not None
        return self.side.port

    def peer(self, **more: Any) -> MllpPeer:
        """Connect as the information system."""
        return MllpPeer(self.port, **more)

    def say(self, *messages: bytes) -> list[tuple[str, str, str]]:
        """Send messages over one connection and give MSA-1 to 3 of each answer."""
        with self.peer() as peer:
            return [peer.said(message) for message in messages]

    def objects(self, exam: str = NO_EXAM) -> list[StoredObject]:
        """What messages have become that belong to an exam, or to none that is known."""
        found = self.spool.objects_of_exam(LINK, exam)
        return [each for each in found if each.kind is not ObjectKind.INSTANCE]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the ledger's entries of a kind."""
        return [each.draft.body for each in self.site.entries(kind)]

    def opened(self, stored: StoredObject) -> bytes:
        """Open an object as the partner does."""
        with CodecPool() as pool, self.spool.open(stored.name) as sealed:
            return b"".join(open_sealed(sealed, [PARTNER_KEY.secret], pool).blocks())

    def store(self, sent: Instance, called: bytes = b"FLERS") -> None:
        """Let the modality send one instance."""
        assert store(self.site, sent, called).status == 0

    def settle(self) -> None:
        """Do the unit's round."""
        self.side.step()

    def close(self) -> None:
        """Stop the HL7 side."""
        self.side.stop_listening(10.0)


class _AnyPort(Hl7Reception):
    """Listens on whatever port is free."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Loopback."""
        wanted = super().address
        return None if wanted is None else ("127.0.0.1", 0)


def image(
    number: int,
    *,
    study: str = STUDY,
    accession: str = "ACC77",
    patient: str = "0042",
    birth: str = "19790314",
) -> Instance:
    """An instance of a modality that wrote down what its worklist said; no issuer anywhere."""
    made = instance(number, study=study, patient="LEMAITRE^HELENE")
    before_modality = element(0x0008, 0x0060, b"CS", b"CR")
    before_study = element(0x0020, 0x000D, b"UI", study.encode())
    whole = made.data_set.replace(
        before_modality, element(0x0008, 0x0050, b"SH", accession.encode()) + before_modality, 1
    ).replace(
        before_study,
        element(0x0010, 0x0020, b"LO", patient.encode())
        + element(0x0010, 0x0030, b"DA", birth.encode())
        + before_study,
        1,
    )
    return replace(made, data_set=whole)


def came(spool: Spool, identities: Identities) -> str:
    """Let an exam have come from the partner and been opened; gives its id."""
    exam = exam_id(LINK_KEY, identities.study_uid)
    content = exam.encode()
    new = replace(arrived(content, link=LINK), exam_id=exam)
    with spool.part(new.name) as part:
        part.write(content)
        spool.accept_arrived(part, new, ["station"], [draft("stored", 1.0, object=new.name)])
    spool.add_exam_names(LINK, exam, names_of(LINK_KEY, identities).rows())
    return exam


@contextmanager
def hl7_site(folder: Path, *arguments: Any, **more: Any) -> Iterator[Hl7Site]:
    """A listening box."""
    box = Hl7Site(folder, *arguments, **more)
    with box.site:
        try:
            yield box
        finally:
            box.close()
