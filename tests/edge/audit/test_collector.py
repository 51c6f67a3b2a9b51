"""A batch is confirmed by a connection that ends in good order, and by nothing else."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from bocage_edge.audit.collector import (
    CollectorError,
    CollectorTimeouts,
    send_to_collector,
)
from bocage_edge.audit.syslog import frame, syslog_message
from tests.fakes.collector import FakeCollector, credentials

QUICK = CollectorTimeouts(connect_s=5.0, io_s=1.0)
OURS, OTHERS = credentials(), credentials()


def frames(count: int, size: int = 100) -> list[bytes]:
    return [
        frame(syslog_message(b"x" * size, "flers-1", number, 1.8e9, is_failure=False))
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("server_name", [None, "audit.hospital.example"])
def test_everything_is_there_once_it_returns(
    version: ssl.TLSVersion, server_name: str | None
) -> None:
    with FakeCollector(shows=OURS, version=version) as there:
        repository = there.repository(server_name=server_name)
        send_to_collector(repository, frames(300, 3000), QUICK)
        assert there.numbers() == list(range(1, 301))
        assert there.connections == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        {"reset_after": 1},
        {"reset_after": 20},
        {"leave_after": 1},
        {"is_silent": True},
        {"is_deaf": True},
        {"says_bytes": 1},
        {"says_bytes": 1 << 20},
    ],
)
def test_any_other_end_is_no_confirmation(behaviour: dict[str, Any]) -> None:
    with FakeCollector(shows=OURS, **behaviour) as there, pytest.raises(CollectorError):
        send_to_collector(there.repository(), frames(20, 30_000), QUICK)


def test_nobody_there() -> None:
    with FakeCollector(shows=OURS) as there:
        repository = there.repository()
    with pytest.raises(CollectorError, match="connection failed"):
        send_to_collector(repository, frames(1), QUICK)


@pytest.mark.parametrize(
    "changes",
    [
        {"certificates": OTHERS.certificate},
        {"certificates": OTHERS.certificate, "server_name": "audit.hospital.example"},
        {"server_name": "audit.elsewhere.example"},
    ],
)
def test_another_collector_is_told_nothing(changes: dict[str, Any]) -> None:
    with FakeCollector(shows=OURS) as there:
        with pytest.raises(CollectorError, match="certificate is not the one"):
            send_to_collector(there.repository(**changes), frames(3), QUICK)
        assert there.messages == []


def test_a_certificate_the_pinned_one_has_signed_needs_a_name_as_well() -> None:
    """Without one, the very certificate counts: an authority signs for others too."""
    authority = credentials()
    with FakeCollector(shows=OURS) as there:
        both = authority.certificate + OURS.certificate
        send_to_collector(there.repository(certificates=both), frames(1), QUICK)
        assert there.numbers() == [1]


def test_a_collector_that_wants_a_certificate_gets_none_from_a_box_without(tmp_path: Any) -> None:
    box = credentials("flers-1")
    own = tmp_path / "own.pem"
    own.write_text(box.certificate + box.key)
    with FakeCollector(shows=OURS, client=box.certificate) as there:
        with pytest.raises(CollectorError):
            send_to_collector(there.repository(), frames(5), QUICK)
        assert there.messages == []
        send_to_collector(there.repository(), frames(5), QUICK, own)
        assert there.numbers() == [1, 2, 3, 4, 5]


def test_what_is_pinned_and_is_no_certificate_is_said() -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with FakeCollector(shows=OURS) as there, pytest.raises(CollectorError, match="cannot be read"):
        send_to_collector(there.repository(certificates=broken), frames(1), QUICK)
