from __future__ import annotations

import base64
import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from bocage_console.database.opening import Database
from bocage_console.database.tables import Device, Outgoing, Revision, SigningOrder
from bocage_console.desired.ordering import COMMAND, order_configuration
from bocage_console.errors import ConflictError
from bocage_console.links.keeping import put_convention
from bocage_console.signer.signing import SignerUnit
from bocage_console.sites.keeping import profile_of, put_site
from bocage_contract.card import open_card
from bocage_contract.configuration import Desired, open_desired
from bocage_contract.convention.approval import Approved, approve
from bocage_contract.convention.model import Convention
from bocage_contract.errors import SignatureError
from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.commands import Echo, open_command
from tests.console.conftest import NOW
from tests.console.fleet import HOSPITAL, LINK, PRACTICE, WHO, NewBox, two_sites
from tests.contract.keys import identity, public

KEY = identity(9)
BOXES = {HOSPITAL: NewBox(HOSPITAL), PRACTICE: NewBox(PRACTICE)}


@pytest.fixture
def signer(database: Database) -> SignerUnit:
    """A signer over two sites with both their boxes enrolled."""
    with database.writing() as session:
        two_sites(session)
        for name, box in BOXES.items():
            device = session.get_one(Device, name)
            device.state, device.card, device.card_serial = "active", box.card, 1
            device.identity = fingerprint(public(box.identity))
    return SignerUnit(database, KEY)


def audience(device: str) -> str:
    return fingerprint(public(BOXES[device].identity))


def order(database: Database, device: str, reason: str = "test") -> None:
    with database.writing() as session:
        order_configuration(session, NOW, WHO, device, reason)


def newest(database: Database, device: str) -> Desired:
    with database.reading() as session:
        row = session.scalars(
            select(Revision)
            .where(Revision.device_id == device)
            .order_by(Revision.revision.desc())
            .limit(1)
        ).one()
    return open_desired(row.envelope, {public(KEY)}, audience(device))


def test_both_ends_are_told_of_each_other(database: Database, signer: SignerUnit) -> None:
    for device in (HOSPITAL, PRACTICE):
        order(database, device)
    assert signer.step(NOW) == 2
    hospital, practice = newest(database, HOSPITAL), newest(database, PRACTICE)
    (ours,), (theirs,) = hospital.links, practice.links
    assert (ours.role, ours.partner, theirs.role, theirs.partner) == (
        "requesting",
        PRACTICE,
        "reading",
        HOSPITAL,
    )
    assert ours.tunnel.partner_address == theirs.tunnel.address
    assert theirs.tunnel.endpoint == "hospital.example:51820"
    assert theirs.tunnel.keepalive_s == 25
    assert (ours.tunnel.endpoint, ours.tunnel.keepalive_s) == (None, None)
    card = base64.b64decode(BOXES[PRACTICE].card)
    assert ours.partner_card is not None
    assert open_card(card).device == PRACTICE


def test_revisions_only_grow_and_are_put_out_with_their_row(
    database: Database, signer: SignerUnit
) -> None:
    for number in (1, 2, 3):
        order(database, HOSPITAL)
        signer.step(NOW + number)
        assert newest(database, HOSPITAL).revision == number
    with database.reading() as session:
        out = session.scalars(select(Outgoing).order_by(Outgoing.id)).all()
        kept = session.scalars(select(Revision).order_by(Revision.revision)).all()
    assert [bytes(each.payload) for each in out] == [each.envelope for each in kept]


def test_one_order_waits_at_a_time(database: Database, signer: SignerUnit) -> None:
    order(database, HOSPITAL)
    order(database, HOSPITAL)
    assert signer.step(NOW) == 1
    assert signer.step(NOW) == 0


def test_a_fenced_partner_is_dropped_from_the_configuration(
    database: Database, signer: SignerUnit
) -> None:
    with database.writing() as session:
        session.get_one(Device, PRACTICE).state = "fenced"
    order(database, HOSPITAL)
    signer.step(NOW)
    assert newest(database, HOSPITAL).links[0].partner_card is None


def test_what_a_box_would_refuse_is_not_put_out_and_the_fault_is_kept(
    database: Database, signer: SignerUnit
) -> None:
    with database.writing() as session:
        wrong = profile_of(session, "flers").model_copy(update={"destinations": []})
        put_site(session, NOW, WHO, "flers", wrong)
    order(database, HOSPITAL)
    signer.step(NOW)
    with database.reading() as session:
        (kept,) = session.scalars(select(SigningOrder)).all()
        assert session.scalars(select(Outgoing)).all() == []
        assert session.get_one(Device, HOSPITAL).revision == 0
    assert kept.fault is not None and "station does not exist" in kept.fault
    assert kept.done_at is not None


def test_a_doubled_identity_freezes_its_configuration(
    database: Database, signer: SignerUnit
) -> None:
    with database.writing() as session:
        session.get_one(Device, HOSPITAL).doubled_at = int(NOW)
    with pytest.raises(ConflictError, match="frozen"):
        order(database, HOSPITAL)


def convention(version: int) -> Convention:
    return Convention(
        id="flers-thury",
        version=version,
        link=LINK,
        requesting_site="Hôpital de Flers",
        reading_site="Cabinet de Thury",
        valid_from=datetime.date(2026, 1, 1),
        valid_until=datetime.date(2027, 12, 31),
        services={"FLERS": {"class": "routine"}},
    )


def approved(version: int, second: Ed25519PrivateKey) -> Approved:
    agreed = convention(version)
    first = identity(31)
    approvals = [
        approve(agreed, "requesting", "Directrice", int(NOW), first.sign, public(first)),
        approve(agreed, "reading", "Gérant", int(NOW), second.sign, public(second)),
    ]
    return Approved(convention=agreed, approvals=approvals)


def test_the_last_two_versions_of_an_agreement_travel(
    database: Database, signer: SignerUnit
) -> None:
    with database.writing() as session:
        for version in (1, 2, 3):
            put_convention(session, NOW, WHO, approved(version, identity(32)))
    order(database, PRACTICE)
    signer.step(NOW)
    (link,) = newest(database, PRACTICE).links
    assert [each.convention.version for each in link.conventions] == [2, 3]


def test_an_agreement_needs_two_people(database: Database, signer: SignerUnit) -> None:
    with pytest.raises(SignatureError), database.writing() as session:
        put_convention(session, NOW, WHO, approved(1, identity(31)))


def test_an_approved_version_is_never_another_text(database: Database, signer: SignerUnit) -> None:
    with database.writing() as session:
        put_convention(session, NOW, WHO, approved(1, identity(32)))
    changed = convention(1).model_copy(update={"arrive_before_min": 5})
    first, second = identity(31), identity(32)
    again = Approved(
        convention=changed,
        approvals=[
            approve(changed, "requesting", "Directrice", 1, first.sign, public(first)),
            approve(changed, "reading", "Gérant", 1, second.sign, public(second)),
        ],
    )
    with pytest.raises(ConflictError), database.writing() as session:
        put_convention(session, NOW, WHO, again)


def test_a_command_is_counted_and_signed_for_one_box(
    database: Database, signer: SignerUnit
) -> None:
    with database.writing() as session:
        for _ in range(2):
            session.add(
                SigningOrder(
                    device_id=HOSPITAL,
                    what=COMMAND,
                    command=Echo(destination="station").to_json(),
                    asked_by=WHO,
                    reason="",
                    asked_at=int(NOW),
                )
            )
    signer.step(NOW)
    with database.reading() as session:
        payloads = [bytes(row.payload) for row in session.scalars(select(Outgoing))]
    first = open_command(payloads[0], {public(KEY)}, audience(HOSPITAL), taken=0)
    second = open_command(payloads[1], {public(KEY)}, audience(HOSPITAL), taken=first.counter)
    assert (first.counter, second.counter) == (1, 2)
    assert first.id != second.id
