"""From code to certificate, and everything that must not get one."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from sqlalchemy import select

from bocage_console.authority.files import load_authority
from bocage_console.database.opening import Database
from bocage_console.database.tables import Device, EnrolmentCode, EnrolmentRequest, SigningOrder
from bocage_console.devices.keeping import fence, retire
from bocage_console.enrolment.asking import ask
from bocage_console.enrolment.codes import VALID_S, device_of, make_code
from bocage_console.enrolment.deciding import grant, refuse, waiting
from bocage_console.errors import ConflictError, UnknownError
from bocage_console.folder import Folder
from bocage_contract.fingerprint import fingerprint, words
from bocage_contract.fleet.enrolment import EnrolmentPending, EnrolmentRefused
from tests.console.conftest import NOW
from tests.console.fleet import HOSPITAL, PRACTICE, WHO, NewBox, two_sites
from tests.contract.keys import public


@pytest.fixture(autouse=True)
def _sites(database: Database) -> None:
    with database.writing() as session:
        two_sites(session)


def code_for(database: Database, folder: Folder, device: str, now: float = NOW) -> int:
    """Make a code, as an operator does; gives its secret."""
    with database.writing() as session:
        return make_code(session, now, WHO, device, load_authority(folder).spki).secret


def asks(
    database: Database, box: NewBox, secret: int, **changes: str
) -> EnrolmentPending | EnrolmentRefused:
    """Let a box ask."""
    with database.writing() as session:
        return ask(session, NOW, box.request(secret, **changes), "198.51.100.7")


def enrolled(database: Database, folder: Folder, box: NewBox) -> x509.Certificate:
    """Bring a box through the whole of it."""
    answer = asks(database, box, code_for(database, folder, box.device))
    assert isinstance(answer, EnrolmentPending)
    with database.writing() as session:
        grant(session, NOW, WHO, load_authority(folder), answer.ticket)
    with database.reading() as session:
        pem = session.get_one(EnrolmentRequest, answer.ticket).certificate
    assert pem is not None
    return x509.load_pem_x509_certificate(pem.encode())


def test_a_box_with_a_code_is_let_in_after_its_words_were_compared(
    database: Database, folder: Folder
) -> None:
    box = NewBox(HOSPITAL)
    answer = asks(database, box, code_for(database, folder, HOSPITAL))
    assert isinstance(answer, EnrolmentPending)
    with database.reading() as session:
        (seen,) = waiting(session)
    assert (seen.device, seen.address, seen.replaces) == (HOSPITAL, "198.51.100.7", False)
    assert seen.words == words(public(box.identity))
    with database.writing() as session:
        assert grant(session, NOW, WHO, load_authority(folder), seen.ticket) == HOSPITAL
    with database.reading() as session:
        device = session.get_one(Device, HOSPITAL)
        assert device.state == "active"
        assert device.identity == fingerprint(public(box.identity))
        assert waiting(session) == []


def test_the_certificate_bears_the_boxs_name_and_its_key(
    database: Database, folder: Folder
) -> None:
    box = NewBox(HOSPITAL)
    certificate = enrolled(database, folder, box)
    assert certificate.subject.rfc4514_string() == f"CN={HOSPITAL}"
    assert certificate.public_key() == box.session.public_key()


def test_an_enrolled_box_gets_its_configuration_and_so_do_its_partners(
    database: Database, folder: Folder
) -> None:
    enrolled(database, folder, NewBox(PRACTICE))
    enrolled(database, folder, NewBox(HOSPITAL))
    with database.reading() as session:
        ordered = session.scalars(select(SigningOrder.device_id)).all()
    assert set(ordered) == {HOSPITAL, PRACTICE}


def test_a_code_is_used_once(database: Database, folder: Folder) -> None:
    secret = code_for(database, folder, HOSPITAL)
    assert isinstance(asks(database, NewBox(HOSPITAL), secret), EnrolmentPending)
    assert asks(database, NewBox(HOSPITAL), secret) == EnrolmentRefused(reason="code")


def test_a_code_ends_with_its_hour_and_with_the_next_code(
    database: Database, folder: Folder
) -> None:
    old = code_for(database, folder, HOSPITAL)
    with database.reading() as session:
        assert device_of(session, NOW + VALID_S - 1, old) == HOSPITAL
        assert device_of(session, NOW + VALID_S, old) is None
    code_for(database, folder, HOSPITAL)
    assert asks(database, NewBox(HOSPITAL), old) == EnrolmentRefused(reason="code")


def test_a_guessed_code_is_refused(database: Database, folder: Folder) -> None:
    secret = code_for(database, folder, HOSPITAL)
    assert asks(database, NewBox(HOSPITAL), secret ^ 1) == EnrolmentRefused(reason="code")


def test_the_secret_of_a_code_lies_nowhere(database: Database, folder: Folder) -> None:
    secret = code_for(database, folder, HOSPITAL)
    raw = folder.sqlite.read_bytes()
    for form in (str(secret), f"{secret:x}"):
        assert form.encode() not in raw
    with database.reading() as session:
        assert len(session.scalars(select(EnrolmentCode)).all()) == 1


@pytest.mark.parametrize("wrong", ["card", "binding", "name", "csr"])
def test_what_does_not_hold_together_is_refused_and_leaves_the_code_good(
    database: Database, folder: Folder, wrong: str
) -> None:
    secret, box, other = code_for(database, folder, HOSPITAL), NewBox(HOSPITAL), NewBox(HOSPITAL)
    changes: dict[str, str] = {
        "card": {"card": other.card},
        "binding": {"binding": box.binding(signer=other.identity)},
        "name": {"card": NewBox("somebody", box.identity).card},
        "csr": {"csr": other.csr()},
    }[wrong]
    assert asks(database, box, secret, **changes) == EnrolmentRefused(reason="malformed")
    assert isinstance(asks(database, box, secret), EnrolmentPending)


def test_a_request_is_decided_once(database: Database, folder: Folder) -> None:
    answer = asks(database, NewBox(HOSPITAL), code_for(database, folder, HOSPITAL))
    assert isinstance(answer, EnrolmentPending)
    with database.writing() as session:
        refuse(session, NOW, WHO, answer.ticket)
    with pytest.raises(ConflictError), database.writing() as session:
        grant(session, NOW, WHO, load_authority(folder), answer.ticket)
    with pytest.raises(UnknownError), database.writing() as session:
        refuse(session, NOW, WHO, "0" * 32)


def test_a_new_box_in_the_place_of_another_fences_it_for_ever(
    database: Database, folder: Folder
) -> None:
    old, new = NewBox(HOSPITAL), NewBox(HOSPITAL)
    enrolled(database, folder, old)
    enrolled(database, folder, new)
    with database.reading() as session:
        device = session.get_one(Device, HOSPITAL)
        assert device.identity == fingerprint(public(new.identity))
    back = asks(database, old, code_for(database, folder, HOSPITAL))
    assert back == EnrolmentRefused(reason="malformed")


def test_one_identity_stands_in_one_place(database: Database, folder: Folder) -> None:
    box = NewBox(HOSPITAL)
    enrolled(database, folder, box)
    twin = NewBox(PRACTICE, box.identity, box.session)
    answer = asks(database, twin, code_for(database, folder, PRACTICE))
    assert answer == EnrolmentRefused(reason="malformed")


def test_a_fenced_box_holds_nothing_any_more_and_its_partners_are_told(
    database: Database, folder: Folder
) -> None:
    enrolled(database, folder, NewBox(PRACTICE))
    enrolled(database, folder, NewBox(HOSPITAL))
    with database.writing() as session:
        for order in session.scalars(select(SigningOrder)):
            order.done_at = int(NOW)
        fence(session, NOW, WHO, HOSPITAL, "stolen")
    with database.reading() as session:
        device = session.get_one(Device, HOSPITAL)
        assert (device.state, device.identity, device.unlock) == ("fenced", None, None)
        waiting_orders = session.scalars(
            select(SigningOrder.device_id).where(SigningOrder.done_at.is_(None))
        ).all()
    assert waiting_orders == [PRACTICE]


def test_a_retired_box_gets_no_code(database: Database, folder: Folder) -> None:
    with database.writing() as session:
        retire(session, NOW, WHO, HOSPITAL)
    with pytest.raises(ConflictError):
        code_for(database, folder, HOSPITAL)


def test_the_unlock_secret_is_kept_as_it_was_brought(database: Database, folder: Folder) -> None:
    box = NewBox(HOSPITAL, unlock=bytes(range(32)))
    enrolled(database, folder, box)
    with database.reading() as session:
        held = session.get_one(Device, HOSPITAL).unlock
    assert held is not None and base64.b64encode(held) == base64.b64encode(box.unlock)
