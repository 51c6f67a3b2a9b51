"""The guard of tests/conftest.py does refuse what a unit ring may not do."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from tests.conftest import UnitRingError, is_near

TRUE = [sys.executable, "-c", ""]


def test_a_process_is_refused() -> None:
    with pytest.raises(UnitRingError, match="started a process"):
        subprocess.run(TRUE, check=True)


@pytest.mark.processes
def test_a_process_is_allowed_where_the_test_says_so() -> None:
    assert subprocess.run(TRUE, check=True).returncode == 0


def test_another_machine_is_refused() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(UnitRingError, match="another machine"),
    ):
        sock.sendto(b"", ("192.0.2.1", 9))


def test_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize(
    ("family", "address", "near"),
    [
        (socket.AF_INET, ("127.0.0.1", 0), True),
        (socket.AF_INET, ("127.9.0.1", 104), True),
        (socket.AF_INET, ("localhost", 104), True),
        (socket.AF_INET6, ("::1", 104, 0, 0), True),
        (socket.AF_UNIX, "/run/keeper.sock", True),
        (socket.AF_INET, ("0.0.0.0", 104), False),  # noqa: S104 - every interface is not loopback
        (socket.AF_INET, ("", 104), False),
        (socket.AF_INET, ("hospital.example", 104), False),
        (socket.AF_INET6, ("fd00::1", 104, 0, 0), False),
    ],
)
def test_which_addresses_are_near(family: int, address: object, near: bool) -> None:
    assert is_near(family, address) is near
