"""Asking the gate to unlock the box after a power cut; what it gives goes to deliver."""

from __future__ import annotations

from dataclasses import dataclass

from bocage_edge.errors import ConfigError
from bocage_edge.gate import Gate, GateError
from bocage_edge.paths import Box
from bocage_system import logs
from bocage_system.durable import write_atomic
from bocage_system.kick import ring

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
_log = logs.get("agent")


@dataclass(slots=True)
class Unlocking:
    """When to ask next; an operator's click is found by asking again.

    Args:
        due_at: seconds of a clock that only goes forward.
    """

    due_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    refused: str = ""

    def step(self, box: Box, gate: str, boot: str, ticks: float) -> None:
        """Ask, if it is time; the due time is set before the attempt.

        Args:
            gate: HOST:PORT.
            ticks: seconds of a clock that only goes forward.

        Raises:
            ConfigError: the session's files cannot be used.
        """
        if ticks < self.due_at:
            return
        self.due_at = ticks + self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)
        try:
            door = Gate(gate, box.authority.read_text(), (box.session_key, box.session_certificate))
            answer = door.post("/v1/unlock", {"boot": boot})
        except FileNotFoundError:
            raise ConfigError("the box is not enrolled", "run: bocage-edge enrol") from None
        except GateError as error:
            self.refused = error.message
            return
        secret = answer.value.get("unlock")
        if answer.status != 200 or not isinstance(secret, str):
            self.refused = f"the gate says: {str(answer.value.get('refused', answer.status))[:40]}"
            _log.warning("not unlocked", reason=self.refused)
            return
        self.refused = ""
        write_atomic(box.gate_secret, secret.encode(), mode=0o660)
        ring(box.doorbell("deliver"))
        _log.info("the gate has given the unlock secret")

    def reset(self) -> None:
        """The box is unlocked: the next time is a new story."""
        self.due_at, self.pause_s, self.refused = 0.0, FIRST_PAUSE_S, ""
