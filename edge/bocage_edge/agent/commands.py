"""What the console may ask of a box, judged and done once.

A command counts as taken together with its answer: a box that is cut off in between does it again
at most where doing it twice is doing it once.
"""

from __future__ import annotations

from collections.abc import Callable

from bocage_contract.errors import MessageError, SignatureError
from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.commands import (
    Act,
    Command,
    Echo,
    Lock,
    NotOursError,
    ReplayedError,
    open_command,
)
from bocage_contract.fleet.events import Event, EventKind, Measure, Outcome, Why
from bocage_contract.fleet.keyset import Purpose
from bocage_edge.agent.documents import refusal
from bocage_edge.agent.outbox import Outbox
from bocage_edge.configuration import load_card, load_keyset
from bocage_edge.paths import Box
from bocage_edge.status import read_status
from bocage_system import logs
from bocage_system.durable import write_atomic
from bocage_system.kick import ring

_log = logs.get("agent")
Answered = tuple[Outcome, Why | None, dict[Measure, int]]


def take(box: Box, outbox: Outbox, raw: bytes, now: float) -> None:
    """Judge a command, do it, and leave its answer in the outbox.

    Args:
        now: Unix seconds.

    Raises:
        ConfigError: the box has no card or no keyset.
        OSError: the medium refused.
    """
    trusted = load_keyset(box).keys(Purpose.COMMAND)
    audience = fingerprint(load_card(box).identity_key)
    try:
        command = open_command(raw, trusted, audience, outbox.command)
    except ReplayedError:
        outbox.add([refusal(Why.REPLAYED, now)])
        return
    except NotOursError:
        outbox.add([refusal(Why.NOT_FOR_US, now)])
        return
    except SignatureError:
        outbox.add([refusal(Why.BAD_SIGNATURE, now)])
        return
    except MessageError:
        outbox.add([refusal(Why.MALFORMED, now)])
        return
    outcome, why, numbers = _do(box, command.act)
    _log.info("command", kind=command.act.kind, outcome=outcome.value)
    outbox.take_command(command.counter, _answer(command, outcome, why, numbers, now))


def _do(box: Box, act: Act) -> Answered:
    done = _ACTS.get(type(act))
    # Of a newer console, or not built into this release: said, not ignored.
    return (Outcome.REFUSED, Why.OTHER, {}) if done is None else done(box, act)


def _lock(box: Box, _act: Act) -> Answered:
    """Have deliver forget the opening key."""
    write_atomic(box.lock_wish, b"lock", mode=0o640)
    ring(box.doorbell("deliver"))
    return Outcome.DONE, None, {}


def _echo(box: Box, act: Act) -> Answered:
    """Say what deliver last heard from a destination; it asks each by C-ECHO by itself."""
    if not isinstance(act, Echo):
        raise TypeError(act.kind)
    said = ((read_status(box, "deliver") or {}).get("destinations") or {}).get(act.destination)
    if said is None or not said.get("is_configured"):
        return Outcome.FAILED, Why.UNKNOWN_TARGET, {}
    if said.get("echo_at") is None:
        return Outcome.FAILED, Why.BUSY, {}
    numbers = {Measure.TOOK_MS: max(0, int(said.get("echo_ms") or 0))}
    if said.get("echo_ok"):
        return Outcome.DONE, None, numbers
    return Outcome.FAILED, Why.UNREACHABLE, numbers


_ACTS: dict[type, Callable[[Box, Act], Answered]] = {Lock: _lock, Echo: _echo}


def _answer(
    command: Command, outcome: Outcome, why: Why | None, numbers: dict[Measure, int], now: float
) -> Event:
    return Event(
        seq=1,  # given by the outbox
        at=int(now * 1000),
        kind=EventKind.COMMAND,
        command=command.id,
        outcome=outcome,
        why=why,
        numbers=numbers,
    )
