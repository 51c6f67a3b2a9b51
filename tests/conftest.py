"""What holds for every test: a unit ring starts no process and talks to no other machine.

The guard is an audit hook of the interpreter, so nothing of ours is patched and nothing can be
called around it by accident. It stands from a test's first fixture to its last.

A test marked `integration` is free. One marked `processes` may start programs of this machine
(the command door, the codec's workers), and still talks to loopback only.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Generator

import hypothesis
import pytest

STARTS_A_PROCESS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"}
)
NAMES_AN_ADDRESS = frozenset({"socket.bind", "socket.connect", "socket.sendto", "socket.sendmsg"})
INTERNET = (socket.AF_INET, socket.AF_INET6)

# The same examples on every machine and every run, however slow the machine is. To look for new
# ones: pytest --hypothesis-profile=search
hypothesis.settings.register_profile(
    "house",
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("search", deadline=None, max_examples=5000)
hypothesis.settings.load_profile("house")


class UnitRingError(BaseException):
    """A unit test reached outside; no `except Exception` of the code under test hides it."""


class Guard:
    """What the running test may do. An audit hook cannot be taken back, so it asks this."""

    def __init__(self) -> None:
        self.processes_allowed = True
        self.machines_allowed = True

    def audit(self, event: str, args: tuple[object, ...]) -> None:
        """Refuse what the running test may not do.

        Raises:
            UnitRingError: it started a process, or named an address beyond loopback.

        Source: PEP 578.
        """
        if event in STARTS_A_PROCESS and not self.processes_allowed:
            raise UnitRingError(f"a unit test started a process ({event} {args[0]!r})")
        if event in NAMES_AN_ADDRESS and not self.machines_allowed:
            sock, address = args[0], args[1]
            if isinstance(sock, socket.socket) and not is_near(sock.family, address):
                raise UnitRingError(f"a unit test named another machine ({event} {address!r})")


def is_near(family: int, address: object) -> bool:
    """Whether a socket address stays on this machine's loopback.

    Args:
        address: as Python's socket module takes it; None where the socket is connected already.
    """
    if family not in INTERNET or not isinstance(address, tuple):
        return True
    host = str(address[0])
    return host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


GUARD = Guard()
sys.addaudithook(GUARD.audit)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Set the guard by the test's markers, around its fixtures too."""
    is_integration = item.get_closest_marker("integration") is not None
    may_start = item.get_closest_marker("processes") is not None
    GUARD.machines_allowed = is_integration
    GUARD.processes_allowed = is_integration or may_start
    try:
        return (yield)
    finally:
        GUARD.machines_allowed = GUARD.processes_allowed = True
