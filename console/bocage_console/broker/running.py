"""Mosquitto beside us: started, tried before it counts, told who is of the fleet, ended.

Desired: the boxes that are enrolled and not fenced. Observed: the list the broker was given.
The difference: a new list, a SIGHUP, and for each box that left, its session taken over and thrown
away, so that neither its connection nor what was queued for it outlives its rights.
"""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP

from cryptography.hazmat.primitives.asymmetric import ec

from bocage_console.authority.certificates import Role, key_pem, pem_of
from bocage_console.authority.files import SessionFiles, load_authority, session_files
from bocage_console.broker.access import SELFTEST, WITNESS, access_list, devices_of
from bocage_console.broker.configuration import BrokerSettings, configuration
from bocage_console.broker.selftest import Strangers, breaches
from bocage_console.broker.session import BrokerAddress, Probe
from bocage_console.errors import BrokerError
from bocage_console.folder import Folder
from bocage_system import logs
from bocage_system.clock import Clock
from bocage_system.command import Child, spawn
from bocage_system.durable import write_atomic

LOOK_EVERY_S = 1.0
_READY_WITHIN_S = 20.0
_ASK_EVERY_S = 0.05
_END_WITHIN_S = 10.0
_log = logs.get("broker")


def wait_until_it_answers(child: Child, address: BrokerAddress) -> None:
    """Wait for a broker that was just started.

    Raises:
        BrokerError: it ended, or does not listen where it should.
    """
    pause, tries = threading.Event(), int(_READY_WITHIN_S / _ASK_EVERY_S)
    for _ in range(tries):
        if child.poll() is not None:
            raise BrokerError(f"the broker did not start (status {child.poll()})")
        try:
            socket.create_connection((address.host, address.port), 1).close()
        except OSError:
            pause.wait(_ASK_EVERY_S)
        else:
            # Somebody else may be listening there: then ours ends at once.
            pause.wait(_ASK_EVERY_S)
            if child.poll() is None:
                return
    raise BrokerError("the broker does not listen where it should")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the broker listens and under which names it is reached.

    Args:
        names: host names and addresses; the first is what we connect to ourselves.
    """

    address: str
    port: int
    names: tuple[str, ...]
    user: str | None = None


class BrokerUnit:
    """One Mosquitto and its list."""

    def __init__(
        self, folder: Folder, reach: Reach, listed: Callable[[], frozenset[str]], clock: Clock
    ) -> None:
        """Hold the parts; nothing runs yet.

        Args:
            listed: names the boxes that may speak.
        """
        self._folder = folder
        self._reach = reach
        self._listed = listed
        self._clock = clock
        self._child: Child | None = None
        self._given: frozenset[str] = frozenset()
        self._leaving: frozenset[str] = frozenset()  # off the list, their sessions still there

    def start(self) -> None:
        """Start the broker; it stays only if it is tight.

        Raises:
            BrokerError: it does not start, or lets somebody do what nobody may.
        """
        settings = self._settings()
        settings.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._given = self._listed()
        # Who left while no broker ran may have a session that was kept.
        self._leaving = _listed_before(settings) - self._given
        self._write_list(settings)
        write_atomic(settings.file, configuration(settings).encode(), mode=0o640)
        self._child = spawn(["mosquitto", "-c", settings.file])
        try:
            wait_until_it_answers(self._child, self._address)
            found = breaches(self._address, self._strangers())
            self._throw_out_leaving()
        except BaseException:
            self.close()
            raise
        if found:
            self.close()
            raise BrokerError(
                "the broker is not tight: " + "; ".join(found), "it was stopped; nothing ran on it"
            )
        _log.info("broker runs", port=self._reach.port, boxes=len(self._given))

    def step(self) -> float:
        """Do one round; gives the seconds to the next.

        Raises:
            BrokerError: the broker has ended.
        """
        child = self._child
        if child is None or child.poll() is not None:
            code = None if child is None else child.poll()
            raise BrokerError(f"the broker has ended by itself (status {code})")
        wanted = self._listed()
        if wanted != self._given:
            self._leaving = (self._leaving | (self._given - wanted)) - wanted
            self._given = wanted
            self._write_list(self._settings())
            child.signal(SIGHUP)
            _log.info("list replaced", boxes=len(wanted), leaving=len(self._leaving))
        self._throw_out_leaving()
        return LOOK_EVERY_S

    def close(self) -> None:
        """End the broker."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(_END_WITHIN_S)
        except TimeoutError:
            self._child.kill_group()
            self._child.wait(_END_WITHIN_S)
        self._child = None

    @property
    def pid(self) -> int | None:
        """The broker's process."""
        return None if self._child is None else self._child.pid

    @property
    def _address(self) -> BrokerAddress:
        return BrokerAddress(self._reach.names[0], self._reach.port)

    def _settings(self) -> BrokerSettings:
        files = session_files(
            self._folder, "broker", Role.SERVER, self._clock.now(), reached_at=self._reach.names
        )
        return BrokerSettings(
            address=self._reach.address,
            port=self._reach.port,
            folder=self._folder.broker,
            authority=files.authority,
            certificate=files.certificate,
            key=files.key,
            user=self._reach.user,
        )

    def _write_list(self, settings: BrokerSettings) -> None:
        write_atomic(settings.access_list, access_list(self._given).encode(), mode=0o640)

    def _strangers(self) -> Strangers:
        now = self._clock.now()
        return Strangers(
            session_files(self._folder, SELFTEST, Role.CLIENT, now),
            session_files(self._folder, WITNESS, Role.CLIENT, now),
        )

    def _throw_out_leaving(self) -> None:
        self._leaving = frozenset(each for each in self._leaving if not self._throw_out(each))

    def _throw_out(self, device: str) -> bool:
        """Take a box's session over by its own name and leave nothing of it; False: try again."""
        with tempfile.TemporaryDirectory(prefix="bocage-") as folder:
            files = self._session_of(device, Path(folder))
            probe = Probe(self._address, files, str(files.authority), device)
            try:
                if probe.connect(clean=True, expires_after_s=0):
                    return True
                _log.error("session not taken over", device=device)
            except BrokerError as error:
                _log.error("session not taken over", device=device, error=error.message)
            finally:
                probe.close()
        return False

    def _session_of(self, device: str, folder: Path) -> SessionFiles:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = load_authority(self._folder)
        certificate = authority.issue(key.public_key(), device, Role.CLIENT, self._clock.now())
        files = SessionFiles(folder / "key", folder / "certificate", self._folder.authority)
        write_atomic(files.key, key_pem(key))
        write_atomic(files.certificate, pem_of(certificate).encode())
        return files


def _listed_before(settings: BrokerSettings) -> frozenset[str]:
    try:
        return devices_of(settings.access_list.read_text())
    except FileNotFoundError:
        return frozenset()
