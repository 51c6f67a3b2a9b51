"""What pynetdicom's threads ask of us: may it come in, where do its bytes go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bocage_edge.receive.answer import Answer
from bocage_edge.receive.command import Command
from bocage_edge.receive.policy import Admitted, Rejected, StationAdmitted


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """A C-STORE before its data set."""

    command: Command
    abstract_syntax: str
    transfer_syntax: str
    admitted: Admitted


@dataclass(frozen=True, slots=True)
class NormalizedRequest:
    """An N-ACTION or N-EVENT-REPORT before its data set."""

    command: Command
    abstract_syntax: str
    transfer_syntax: str
    admitted: Admitted | StationAdmitted


class Sink(Protocol):
    """Takes one data set. No method ever raises: a fault is kept for the answer."""

    def write(self, data: bytes | memoryview) -> None:
        """Take a fragment (upper layer's thread)."""

    def finish(self) -> tuple[Answer, str]:
        """Say how it ended, and the comment for the technologist (upper layer's thread)."""

    def close(self) -> None:
        """Give up what is not finished; may be called at any time, twice."""


class Reception(Protocol):
    """What decides; see `reception.py`."""

    def may_connect(self, address: str) -> bool:
        """Whether one more connection from there gets a thread; if so it is counted."""

    def disconnected(self, address: str) -> None:
        """Count the connection no longer."""

    def admit(
        self, calling: bytes, called: bytes, address: str
    ) -> Admitted | StationAdmitted | Rejected:
        """Decide on an association; if admitted it is counted."""

    def over(self, admitted: Admitted | StationAdmitted) -> None:
        """Count the association no longer."""

    def open(self, request: StoreRequest) -> Sink:
        """Begin to take an instance; what cannot be taken gets a sink that says why."""

    def open_normalized(self, request: NormalizedRequest) -> Sink:
        """Begin to take what is no instance; what cannot be taken gets a sink that says why."""

    def fault(self, where: str, error: Exception) -> None:
        """Note an error that has no better place to go."""

    @property
    def idle_timeout_s(self) -> int:
        """After how long without a PDU an association is aborted."""
