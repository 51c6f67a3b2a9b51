"""Messages out of fragments: which bytes are command, which data set, and of which message. Pure.

    IDLE --command fragment--> COMMAND --last one--> IDLE            (C-ECHO, C-CANCEL)
                                                \\--> DATA_SET --last fragment--> IDLE
                                                            (C-STORE, N-ACTION, N-EVENT-REPORT)

A data set is passed on fragment by fragment and never gathered here. Whatever does not fit the
drawing (a data set fragment without its command, a second command in the middle, another
presentation context inside a message) ends the association: after it nobody can say which bytes
belong to which instance.

Source: PS3.8 9.3.1, E.2; PS3.7 6.3.1.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bocage_edge.receive.command import (
    MAX_COMMAND_BYTES,
    Command,
    CommandError,
    CommandField,
    parse_command,
)

# PS3.8 E.2, message control header
_IS_COMMAND = 0x01
_IS_LAST = 0x02


Bytes = bytes | memoryview


class MessageFaultError(Exception):
    """The peer's fragments make no message; the association must end."""


@dataclass(frozen=True, slots=True)
class StoreBegins:
    """A C-STORE-RQ is complete; its data set follows in the same context."""

    context_id: int
    command: Command


@dataclass(frozen=True, slots=True)
class NormalizedBegins:
    """An N-ACTION-RQ or N-EVENT-REPORT-RQ is complete; so may be its data set, or it follows."""

    context_id: int
    command: Command


@dataclass(frozen=True, slots=True)
class DataSetFragment:
    """Bytes of the data set of the message that began last; a view of what was fed."""

    data: Bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class EchoAsked:
    """A C-ECHO-RQ."""

    context_id: int
    command: Command


Event = StoreBegins | NormalizedBegins | DataSetFragment | EchoAsked


class Assembler:
    """One association's incoming messages."""

    def __init__(self, accepted: Collection[int]) -> None:
        """Start with nothing received.

        Args:
            accepted: ids of the presentation contexts that were accepted.
        """
        self._accepted = accepted
        self._command = bytearray()
        self._context: int | None = None  # of the message in hand
        self._wants_data_set = False

    def feed(self, context_id: int, value: Bytes) -> Event | None:
        """Take one presentation data value.

        Args:
            value: control header byte, then the fragment.

        Returns:
            What has become complete by it, or a piece of the data set.

        Raises:
            MessageFaultError: it does not fit; the association must end.
        """
        if not value:
            raise MessageFaultError("an empty presentation data value")
        if context_id not in self._accepted:
            raise MessageFaultError("a presentation context that was not accepted")
        if self._context is not None and context_id != self._context:
            raise MessageFaultError("two presentation contexts in one message")
        is_last = bool(value[0] & _IS_LAST)
        if value[0] & _IS_COMMAND:
            return self._take_command(context_id, value[1:], is_last)
        return self._take_data(value[1:], is_last)

    def _take_command(self, context_id: int, fragment: Bytes, is_last: bool) -> Event | None:
        if self._wants_data_set:
            raise MessageFaultError("a command inside a data set")
        self._context = context_id
        self._command += fragment
        if len(self._command) > MAX_COMMAND_BYTES:
            raise MessageFaultError("a command set that is too large")
        if not is_last:
            return None
        raw = bytes(self._command)
        self._command.clear()
        self._context = None
        try:
            return self._begin(context_id, parse_command(raw))
        except CommandError as error:
            raise MessageFaultError(str(error)) from None

    def _begin(self, context_id: int, command: Command) -> Event | None:
        if command.field == CommandField.C_STORE_RQ and command.has_data_set:
            self._context = context_id
            self._wants_data_set = True
            return StoreBegins(context_id, command)
        if command.field in (CommandField.N_ACTION_RQ, CommandField.N_EVENT_REPORT_RQ):
            self._context = context_id if command.has_data_set else None
            self._wants_data_set = command.has_data_set
            return NormalizedBegins(context_id, command)
        if command.field == CommandField.C_ECHO_RQ and not command.has_data_set:
            return EchoAsked(context_id, command)
        if command.field == CommandField.C_CANCEL_RQ and not command.has_data_set:
            return None  # nothing we do can be cancelled (PS3.7 9.3.2.3 is for queries)
        raise MessageFaultError(f"a command we do not answer (0x{command.field:04X})")

    def _take_data(self, fragment: Bytes, is_last: bool) -> Event:
        if not self._wants_data_set:
            raise MessageFaultError("a data set without its command")
        if is_last:
            self._context = None
            self._wants_data_set = False
        return DataSetFragment(fragment, is_last)
