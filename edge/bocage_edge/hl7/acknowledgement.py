"""Answers to messages: written for what we receive, read for what we send. Pure.

Original mode: one answer, AA, AE or AR. Enhanced mode, where MSH-15 or MSH-16 says something: the
answer that MSH-15 asks for is the commit's, CA, CE or CR; no application answer follows, since the
box is not the application. Unlike the standard's `NE`, a refusal is never kept to ourselves.

Source: HL7 v2.5.1 2.9.2, 2.9.3, 2.15.8 (MSA), 2.15.5 (ERR); tables 0008, 0155, 0357.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bocage_edge.hl7.charset import Charset
from bocage_edge.hl7.errors import Hl7Error
from bocage_edge.hl7.message import Marks, Message, escaped, parse, timestamp

_EVENT = re.compile(r"[A-Z][A-Z0-9]{2}", re.ASCII)
_ERROR_CODE = re.compile(r"[0-9]{3}", re.ASCII)
_BEGINNING = re.compile(rb"\s*MSH[^\r\n]*")
_CHARSET = Charset("utf-8", is_as_said=True)
# The longest of the fields we give back, HD, has 227 characters; what is longer is no name.
_LONGEST_FIELD_BYTES = 1024


class Verdict(StrEnum):
    """How it went with a message, in the letters of table 0008 after A or C."""

    ACCEPT = "A"
    ERROR = "E"  # as it is now: try again
    REJECT = "R"  # not like this


@dataclass(frozen=True, slots=True)
class Answered:
    """What a peer answered: MSA-1, whose message it speaks of (MSA-2), and why.

    Args:
        errors: codes of table 0357, from ERR-3, ERR-1 or MSA-6; its words are left where they are.
        wants_answer: MSH-15 asks for a commit acknowledgement of this answer.
    """

    code: str
    control_id: str
    errors: tuple[str, ...] = ()
    wants_answer: bool = False

    @property
    def verdict(self) -> Verdict | None:
        """None where MSA-1 is none of the standard's codes."""
        if len(self.code) == 2 and self.code[0] in "AC" and self.code[1] in "AER":
            return Verdict(self.code[1])
        return None


def acknowledge(
    message: Message | None, verdict: Verdict, text: str, *, now: float, control_id: str
) -> bytes:
    """Write the answer to a message.

    Args:
        message: None where not even its MSH could be read.
        text: ours, for the people there; nothing of the message.
        now: Unix seconds.
        control_id: of the answer itself.
    """
    marks = Marks() if message is None else message.marks
    fields = [
        *(_addresses(message) if message is not None else (b"BOCAGE", b"", b"", b"")),
        timestamp(now),
        b"",
        marks.component.join((b"ACK", *_event(message))),
        escaped(control_id, marks, _CHARSET),
        _back(message, 11) or b"P",
        _back(message, 12) or b"2.5",
        *([b""] * 5),
        b"UNICODE UTF-8",
    ]
    header = marks.field.join((b"MSH", marks.encoding, *fields))
    code = ("C" if _is_enhanced(message) else "A") + verdict.value
    said = escaped(text[:80], marks, _CHARSET)
    answer = marks.field.join((b"MSA", code.encode(), _back(message, 10), said)).rstrip(marks.field)
    return header + b"\r" + answer + b"\r"


def is_answer_wanted(message: Message, verdict: Verdict) -> bool:
    """Whether the sender waits for this answer (MSH-15, table 0155)."""
    wanted = message.header.text(15).upper()
    return not (wanted in {"NE", "ER"} and verdict is Verdict.ACCEPT and _is_enhanced(message))


def beginning_of(raw: bytes) -> Message | None:
    """Read as much of a message that is no good as an answer to it needs."""
    found = _BEGINNING.match(raw)
    try:
        return None if found is None else parse(found[0].strip())
    except Hl7Error:
        return None


def read_answer(raw: bytes) -> Answered:
    """Read an acknowledgement.

    Raises:
        Hl7Error: it is none.
    """
    message = parse(raw)
    msa = message.first("MSA")
    if msa is None:
        raise Hl7Error("MSA is missing")
    said = [msa.text(6)]
    for err in message.all("ERR"):
        said += [err.text(3), err.text(1, 4)]
    codes = dict.fromkeys(code for code in said if _ERROR_CODE.fullmatch(code))
    wants_answer = message.header.text(15).upper() in {"AL", "SU"}
    return Answered(msa.text(1).upper(), msa.text(2), tuple(codes), wants_answer)


def _is_enhanced(message: Message | None) -> bool:
    return message is not None and bool(message.header.text(15) or message.header.text(16))


def _addresses(message: Message) -> tuple[bytes, ...]:
    """MSH-3 to 6 of the answer: receiver and sender changed round."""
    return tuple(_back(message, number) for number in (5, 6, 3, 4))


def _event(message: Message | None) -> tuple[bytes, ...]:
    event = message.event if message else ""
    return (event.encode(), b"ACK") if _EVENT.fullmatch(event) else ()


def _back(message: Message | None, number: int) -> bytes:
    field = b"" if message is None else message.header.field(number)
    return field if len(field) <= _LONGEST_FIELD_BYTES else b""
