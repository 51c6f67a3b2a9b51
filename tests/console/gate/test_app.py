"""The gate's views; TLS has put the certificate where they look."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from bocage_console.authority.certificates import Role, pem_of
from bocage_console.authority.files import load_authority
from bocage_console.database.opening import Database
from bocage_console.database.tables import Device
from bocage_console.devices.keeping import allow_unlock, fence
from bocage_console.enrolment.codes import make_code
from bocage_console.enrolment.deciding import grant, waiting
from bocage_console.folder import Folder
from bocage_console.gate.app import MAX_REQUEST_BYTES, Surroundings, create_app
from bocage_console.sites.keeping import put_site
from tests.console.conftest import NOW
from tests.console.fleet import HOSPITAL, WHO, NewBox, profile, two_sites
from tests.fakes.clock import FakeClock

HOME, ELSEWHERE = "198.51.100.7", "203.0.113.9"
BOOT, NEXT_BOOT = "a" * 32, "b" * 32


class Caller:
    """A box that calls the gate."""

    def __init__(self, client: FlaskClient, box: NewBox, certificate: str = "") -> None:
        self.client, self.box, self.certificate = client, box, certificate

    def call(self, method: str, path: str, value: object = None, at: str = HOME) -> Any:
        """Call; gives (status, JSON)."""
        answer = self.client.open(
            path,
            method=method,
            json=value,
            environ_overrides={"REMOTE_ADDR": at, "SSL_CLIENT_CERT": self.certificate},
        )
        return answer.status_code, answer.get_json(silent=True)

    def unlock(self, boot: str = BOOT, at: str = HOME) -> Any:
        """Ask to be unlocked."""
        return self.call("POST", "/v1/unlock", {"boot": boot}, at)


@pytest.fixture
def client(database: Database, folder: Folder) -> FlaskClient:
    with database.writing() as session:
        two_sites(session)
        at_home = profile("Hôpital de Flers", aet="PACS", addresses=("198.51.100.0/24",))
        put_site(session, NOW, WHO, "flers", at_home)
    around = Surroundings(
        database,
        FakeClock(NOW),
        load_authority(folder).pem,
        "console.example:8883",
        "console.example:8443",
        lambda: b"keyset",
    )
    return create_app(around).test_client()


@pytest.fixture
def secret(database: Database, folder: Folder, client: FlaskClient) -> int:
    with database.writing() as session:
        return make_code(session, NOW, WHO, HOSPITAL, load_authority(folder).spki).secret


@pytest.fixture
def box(database: Database, folder: Folder, client: FlaskClient, secret: int) -> Caller:
    """A box that went the whole way."""
    caller = Caller(client, NewBox(HOSPITAL))
    status, answer = caller.call("POST", "/v1/enrolment", caller.box.request(secret).to_json())
    assert (status, answer["state"]) == (202, "pending")
    with database.writing() as session:
        (seen,) = waiting(session)
        grant(session, NOW, WHO, load_authority(folder), seen.ticket)
    status, answer = caller.call("GET", f"/v1/enrolment/{answer['ticket']}")
    assert (status, answer["state"]) == (200, "granted")
    assert answer["device"] == HOSPITAL
    assert base64.b64decode(answer["keyset"]) == b"keyset"
    caller.certificate = answer["certificate"]
    return caller


def test_a_new_box_learns_which_box_it_is_to_be(client: FlaskClient, secret: int) -> None:
    caller = Caller(client, NewBox(HOSPITAL))
    assert caller.call("POST", "/v1/enrolment/name", {"secret": secret}) == (
        200,
        {"device": HOSPITAL},
    )
    status, answer = caller.call("POST", "/v1/enrolment/name", {"secret": secret ^ 1})
    assert (status, answer["reason"]) == (403, "code")


def test_guessing_is_slowed_down(client: FlaskClient, secret: int) -> None:
    caller = Caller(client, NewBox(HOSPITAL))
    statuses = [
        caller.call("POST", "/v1/enrolment/name", {"secret": number}, ELSEWHERE)[0]
        for number in range(12)
    ]
    assert statuses.count(403) == 10
    assert statuses[-2:] == [429, 429]
    assert caller.call("POST", "/v1/enrolment/name", {"secret": secret}, HOME)[0] == 200


def test_a_box_is_unlocked_once_a_boot_from_home(box: Caller) -> None:
    assert box.unlock() == (200, {"unlock": base64.b64encode(box.box.unlock).decode()})
    assert box.unlock() == (403, {"refused": "already_this_boot"})
    assert box.unlock(NEXT_BOOT)[0] == 200


def test_a_thief_boots_the_card_on_another_network(database: Database, box: Caller) -> None:
    assert box.unlock(at=ELSEWHERE) == (403, {"refused": "elsewhere"})
    with database.writing() as session:
        assert session.get_one(Device, HOSPITAL).asking_boot == BOOT
        fence(session, NOW, WHO, HOSPITAL, "stolen")
    assert box.unlock() == (403, {"refused": "fenced"})
    assert box.unlock(NEXT_BOOT) == (403, {"refused": "fenced"})


def test_a_box_that_moved_is_unlocked_by_a_click_for_this_boot(
    database: Database, box: Caller
) -> None:
    assert box.unlock(at=ELSEWHERE)[0] == 403
    with database.writing() as session:
        allow_unlock(session, NOW, WHO, HOSPITAL)
    assert box.unlock(at=ELSEWHERE)[0] == 200
    assert box.unlock(NEXT_BOOT, at=ELSEWHERE) == (403, {"refused": "elsewhere"})


def test_nobody_is_unlocked_without_the_enrolled_key(
    box: Caller, folder: Folder, client: FlaskClient
) -> None:
    assert Caller(client, box.box).unlock() == (403, {"refused": "fenced"})
    other = NewBox(HOSPITAL)
    issued = load_authority(folder).issue(other.session.public_key(), HOSPITAL, Role.CLIENT, NOW)
    assert Caller(client, other, pem_of(issued)).unlock() == (403, {"refused": "fenced"})


BAD: dict[str, Callable[[FlaskClient], int]] = {
    "no JSON": lambda client: client.post("/v1/enrolment", data=b"{").status_code,
    "another shape": lambda client: client.post("/v1/enrolment", json=[1]).status_code,
    "deep": lambda client: client.post("/v1/enrolment", data=b"[" * 60_000).status_code,
    "negative": lambda client: client.post("/v1/enrolment/name", json={"secret": -1}).status_code,
    "no boot": lambda client: client.post("/v1/unlock", json={"boot": "../x"}).status_code,
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_malformed_is_told(client: FlaskClient, what: str) -> None:
    assert BAD[what](client) == 400


def test_a_body_larger_than_any_request_is_not_read(client: FlaskClient) -> None:
    answer = client.post("/v1/enrolment", data=b"x" * (MAX_REQUEST_BYTES + 1))
    assert answer.status_code == 413


def test_answers_are_kept_by_nobody(box: Caller, client: FlaskClient) -> None:
    answer = client.get("/v1/authority")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.startswith("-----BEGIN CERTIFICATE-----")
