"""The unit's HL7 side in one piece: a reception, and a server where the configuration wants one."""

from __future__ import annotations

from typing import Any

from bocage_edge.configuration import InForce
from bocage_edge.receive.hl7_reception import Hl7Reception
from bocage_edge.receive.hl7_server import Hl7Server
from bocage_system import logs

_log = logs.get("receive")


class Hl7Side:
    """For the unit's one thread."""

    def __init__(self, reception: Hl7Reception) -> None:
        """Listen nowhere yet."""
        self._reception = reception
        self._server: Hl7Server | None = None

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        return None if self._server is None else self._server.port

    def use(self, in_force: InForce) -> None:
        """Work by another configuration from now on."""
        self._reception.use(in_force)

    def listen(self) -> None:
        """Listen where the configuration says, or no longer.

        Raises:
            OSError: the address is not ours yet, or taken.
        """
        wanted = self._reception.address
        if self._server is not None and self._server.address == wanted:
            return
        if self._server is not None:
            self._server.close(0.0)
            self._server = None
        if wanted is None:
            return
        self._server = Hl7Server(wanted, self._reception)
        self._server.serve()
        _log.info("listening for HL7", address=wanted[0], port=self._server.port)

    def step(self) -> None:
        """Do one round.

        Raises:
            SpoolError: the index failed; it is tried again.
        """
        self._reception.step()

    def stop_listening(self, within_s: float) -> None:
        """Take no more messages; those that are whole are answered first."""
        if self._server is not None:
            self._server.close(within_s)
            self._server = None

    def close(self) -> None:
        """Write down what has gathered.

        Raises:
            SpoolError: the index failed.
        """
        self._reception.close()

    def status(self) -> dict[str, Any]:
        """Give what the doctor and the desk are to see."""
        is_wanted = self._reception.address is not None
        return {"listening": self._server is not None if is_wanted else None} | (
            self._reception.status()
        )
