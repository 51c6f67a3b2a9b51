"""Where audit messages go: closed sets of characters, and old configurations as they stood."""

from __future__ import annotations

from typing import Any

import pytest

from bocage_contract.audit import EVENTS, AuditRepository
from bocage_contract.configuration import Desired
from bocage_contract.errors import MessageError
from tests.contract.keys import desired_document, identity
from tests.fakes.collector import credentials

CERTIFICATE = credentials().certificate
REPOSITORY: dict[str, Any] = {
    "host": "192.168.1.50",
    "certificates": CERTIFICATE,
    "source_id": "bocage-flers",
}


def test_what_is_not_said_is_the_usual() -> None:
    found = AuditRepository.of(REPOSITORY)
    assert (found.port, found.server_name, found.client_certificate) == (6514, None, False)
    assert tuple(found.events) == EVENTS


@pytest.mark.parametrize(
    "change",
    [
        {"host": "audit.hospital.example"},
        {"port": 0},
        {"certificates": ""},
        {"certificates": "DURAND^ZOE"},
        {"certificates": CERTIFICATE * 60},
        {"certificates": CERTIFICATE + "x"},
        {"server_name": "a b"},
        {"server_name": "-x"},
        {"source_id": ""},
        {"source_id": 'x"/>'},
        {"enterprise_site": "é"},
        {"events": []},
        {"events": ["begin", "everything"]},
    ],
)
def test_what_it_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MessageError):
        AuditRepository.of({**REPOSITORY, **change})


def test_several_certificates_may_be_pinned() -> None:
    both = CERTIFICATE + credentials().certificate
    assert AuditRepository.of({**REPOSITORY, "certificates": both}).certificates == both


def test_a_configuration_without_one_is_written_as_it_stood() -> None:
    document = desired_document(identity(1))
    assert "audit" not in Desired.of(document).to_json()
    with_one = Desired.of({**document, "audit": REPOSITORY})
    assert Desired.of(with_one.to_json()) == with_one
    assert Desired.of({**document, "audit": None}).to_json()["audit"] is None
