"""A message as one receiver wants it: its address, its character set, its way to acknowledge. Pure.

What need not change keeps its bytes. A text that the receiver's character set cannot write is never
mangled: it goes out in UTF-8 where the receiver allows that, or not at all. Lines that stood inside
a segment are written as the standard has them (`\\.br\\`), for receivers end a segment there.

MSH-10 stays as it came, so that the receiver knows the same message again.

Source: HL7 v2.5.1 2.7 (escapes), 2.9 (acknowledgements), 2.15.9 (MSH); table 0211.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from bocage_contract.coercion import Coerce
from bocage_edge.exam.identities import Identities
from bocage_edge.hl7.charset import UTF_8, Charset
from bocage_edge.hl7.errors import Hl7Error, UnwritableError
from bocage_edge.hl7.message import Message, Segment
from bocage_edge.hl7.writing import Route, readdressed, with_fields, with_identities, with_marks

UNICODE = "UNICODE UTF-8"
# Table 0211: what MSH-18 says, and Python's name of it.
CODECS = {UNICODE: UTF_8, "8859/1": "iso8859-1", "8859/15": "iso8859-15"}
_NO_ROUTE = Route(sending_application="")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a receiver wants its messages.

    Args:
        route: what is empty stays as it came.
        charset: of table 0211.
        utf8_where_needed: what that cannot write may come in UTF-8.
        accept, application: MSH-15 and MSH-16; empty for the original mode.
    """

    route: Route = field(default=_NO_ROUTE)
    charset: str = UNICODE
    utf8_where_needed: bool = False
    accept: str = ""
    application: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready for the wire.

    Args:
        control_id: MSH-10, as an answer must repeat it.
        changed: fields in which other identifiers were put, as `PID-3`.
        charset: in which it is, as MSH-18 says it.
    """

    raw: bytes
    control_id: str
    changed: tuple[str, ...]
    charset: str


def outgoing(
    message: Message, manner: Manner, own: Identities | None, coerce: Coerce | None = None
) -> Outgoing:
    """Write a message for a receiver.

    Args:
        own: the hospital's identifiers, which it must bear; None: as it came.
        coerce: marks for the numbers it came with.

    Raises:
        UnwritableError: not in a character set that the receiver takes.
        Hl7Error: MSH-10 is empty, so that no answer could be told to be its own.
    """
    if not message.control_id:
        raise Hl7Error("MSH-10 is empty: no acknowledgement could be told to be its own")
    try:
        return _written(message, manner, (own, coerce), manner.charset)
    except UnwritableError:
        if not manner.utf8_where_needed or manner.charset == UNICODE:
            raise
        return _written(message, manner, (own, coerce), UNICODE)


def _written(
    message: Message, manner: Manner, wanted_by: tuple[Identities | None, Coerce | None], said: str
) -> Outgoing:
    own, coerce = wanted_by
    recoded = readdressed(_recoded(message, Charset(CODECS[said], is_as_said=True)), manner.route)
    changed: tuple[str, ...] = ()
    if own is not None:
        rewritten = with_identities(recoded, own)
        recoded, changed = rewritten.message, rewritten.changed
    elif coerce is not None:
        rewritten = with_marks(recoded, coerce)
        recoded, changed = rewritten.message, rewritten.changed
    wanted = {15: manner.accept, 16: manner.application, 18: said}
    ready = with_fields(recoded, "MSH", {number: text.encode() for number, text in wanted.items()})
    return Outgoing(ready.raw, ready.control_id, changed, said)


def _recoded(message: Message, target: Charset) -> Message:
    segments = tuple(
        replace(each, raw=_segment(each, target), charset=target) for each in message.segments
    )
    return replace(message, charset=target, segments=segments)


def _segment(segment: Segment, target: Charset) -> bytes:
    raw = _on_one_line(segment)
    if segment.charset.codec == target.codec:
        return raw
    raw = _hexadecimal(raw, segment, target)
    if raw.isascii():
        return raw
    if not all(map(bytes.isascii, (segment.marks.field, segment.marks.encoding))):
        raise UnwritableError("its separators are no characters of ASCII")
    return target.encode(segment.charset.decode(raw))


def _on_one_line(segment: Segment) -> bytes:
    if b"\n" not in segment.raw:
        return segment.raw
    if segment.name == "OBX" and segment.text(2).upper() == "ED":
        return segment.raw.replace(b"\n", b"")  # base64
    escape = segment.marks.escape
    return segment.raw.replace(b"\n", escape + b".br" + escape)


def _hexadecimal(raw: bytes, segment: Segment, target: Charset) -> bytes:
    """Bring bytes that were written as hexadecimal into the other character set as well."""
    escape = segment.marks.escape
    if escape + b"X" not in raw:
        return raw

    def other(found: re.Match[bytes]) -> bytes:
        text = segment.charset.decode(bytes.fromhex(found[1].decode()))
        return escape + b"X" + target.encode(text).hex().upper().encode() + escape

    mark = re.escape(escape)
    return re.sub(mark + rb"X((?:[0-9A-Fa-f]{2})+)" + mark, other, raw)
