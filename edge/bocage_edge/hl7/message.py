"""A message as segments, fields, repetitions, components: read where asked, bytes kept. Pure.

The message stays the bytes it came as; a field is cut out when somebody asks for it. All character
sets we read leave ASCII alone, so the separators are found in bytes.

Source: HL7 v2.5.1 chapter 2 (2.5 separators, 2.7 escapes); docs/adr/0012-hl7.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from bocage_edge.hl7.charset import Charset, charset_of, is_shifted
from bocage_edge.hl7.errors import Hl7Error

# What the seal's header calls a message.
MEDIA_TYPE = "x-application/hl7-v2+er7"
MAX_SEGMENTS = 20_000
_LINE = re.compile(rb"\r\n|\r|\n")
_SEGMENT = re.compile(rb"[A-Z][A-Z0-9]{2}")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_USUAL_MARKS = b"^~\\&"


@dataclass(frozen=True, slots=True)
class Marks:
    """The separators a message uses, each one byte."""

    field: bytes = b"|"
    component: bytes = b"^"
    repetition: bytes = b"~"
    escape: bytes = b"\\"
    subcomponent: bytes = b"&"

    @classmethod
    def of(cls, header: bytes) -> Self:
        """Read them from the MSH segment; missing ones are the usual ones.

        Raises:
            Hl7Error: they are letters or digits, or one serves twice.
        """
        field = header[3:4]
        said = header[4 : header.find(field, 4)][:4] if field in header[4:] else header[4:8]
        four = said + _USUAL_MARKS[len(said) :]
        marks = (field, *(four[i : i + 1] for i in range(4)))
        if len(set(marks)) != len(marks) or any(not mark or mark.isalnum() for mark in marks):
            raise Hl7Error("MSH-1 and MSH-2 are no separators")
        return cls(*marks)

    @property
    def encoding(self) -> bytes:
        """MSH-2 as these marks write it."""
        return self.component + self.repetition + self.escape + self.subcomponent


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; fields are numbered as the standard does, MSH-1 being the separator."""

    raw: bytes
    marks: Marks
    charset: Charset

    @property
    def name(self) -> str:
        """Its three letters."""
        return self.raw[:3].decode("ascii")

    def field(self, number: int) -> bytes:
        """Cut out a field, escapes and all; empty where there is none."""
        if self.raw.startswith(b"MSH"):
            if number == 1:
                return self.marks.field
            number -= 1
        # Only as far as needed: a field may be megabytes of base64.
        parts = self.raw.split(self.marks.field, number + 1)
        return parts[number] if number < len(parts) else b""

    def repetitions(self, number: int) -> list[bytes]:
        """Cut a field into its repetitions; an empty field has none."""
        return [each for each in self.field(number).split(self.marks.repetition) if each]

    def component(self, repetition: bytes, number: int, sub: int = 1) -> str:
        """Read a component, or a part of one, of a repetition; both count from 1."""
        part = _nth(repetition, self.marks.component, number)
        return self.read(_nth(part, self.marks.subcomponent, sub))

    def text(self, number: int, component: int = 1, sub: int = 1) -> str:
        """Read a component of a field's first repetition."""
        return self.component(_nth(self.field(number), self.marks.repetition, 1), component, sub)

    def whole(self, number: int) -> str:
        """Read a field as one text: where it is not cut any further (TX, FT)."""
        return self.read(self.field(number))

    def read(self, raw: bytes) -> str:
        """Undo escapes and character set, and take the blanks off."""
        if raw == b'""':  # "delete what you have": for us as good as empty
            return ""
        return unescape(raw, self.marks, self.charset).strip()


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message."""

    raw: bytes
    marks: Marks
    charset: Charset
    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        """Its MSH."""
        return self.segments[0]

    def all(self, name: str) -> Iterator[Segment]:
        """Give the segments of a name, in order."""
        return (segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment | None:
        """Give the first segment of a name."""
        return next(self.all(name), None)

    @property
    def code(self) -> str:
        """MSH-9.1, e.g. ORU."""
        return self.header.text(9, 1).upper()

    @property
    def event(self) -> str:
        """MSH-9.2, e.g. R01; from MSH-9.3 where only that says it."""
        return (self.header.text(9, 2) or self.header.text(9, 3).partition("_")[2]).upper()

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.header.text(10)


def parse(raw: bytes) -> Message:
    """Read a message.

    Lines may end in CR, LF or both; a line that is no segment goes on with the one before, as
    senders make them that leave line ends in a text.

    Raises:
        Hl7Error: it does not begin with MSH, has too many segments, or says that it is in a set
            whose ASCII bytes may be other characters.
    """
    body = raw.removeprefix(_BYTE_ORDER_MARK).lstrip(b"\r\n ")
    if not body.startswith(b"MSH"):
        raise Hl7Error("a message begins with MSH")
    lines = _LINE.split(body, MAX_SEGMENTS)
    if len(lines) > MAX_SEGMENTS:
        raise Hl7Error(f"a message may have {MAX_SEGMENTS} segments at most")
    marks = Marks.of(lines[0])
    plain = Segment(lines[0], marks, Charset("ascii", is_as_said=True))
    said = plain.component((plain.repetitions(18) or [b""])[0], 1)
    if is_shifted(said):
        raise Hl7Error("a message in a character set of ISO 2022 is not read: send it in UTF-8")
    charset = charset_of(said, body)
    segments = tuple(Segment(each, marks, charset) for each in joined_lines(lines, marks))
    return Message(raw, marks, charset, segments)


def joined_lines(lines: list[bytes], marks: Marks) -> list[bytes]:
    """Put lines that are no segment behind the one before them."""
    joined: list[list[bytes]] = []
    for line in lines:
        if _SEGMENT.fullmatch(line[:3]) and line[3:4] in (marks.field, b""):
            joined.append([line])
        elif line.strip() and joined:
            joined[-1].append(line)
    return [b"\n".join(parts) for parts in joined]


def _nth(raw: bytes, separator: bytes, number: int) -> bytes:
    parts = raw.split(separator, number)
    return parts[number - 1] if number <= len(parts) else b""


def unescape(raw: bytes, marks: Marks, charset: Charset) -> str:
    """Undo the escapes of a text; those of layout become line ends, unknown ones go.

    Source: HL7 v2.5.1 2.7 and 2.7.6 (formatted text).
    """
    if marks.escape not in raw:
        return charset.decode(raw)
    escape = re.escape(marks.escape)
    found = re.compile(escape + rb"([^" + escape + rb"\r\n]{0,80})" + escape)
    return charset.decode(found.sub(_meaning_in(marks), raw))


def _meaning_in(marks: Marks) -> Callable[[re.Match[bytes]], bytes]:
    means = {
        b"F": marks.field,
        b"S": marks.component,
        b"T": marks.subcomponent,
        b"R": marks.repetition,
        b"E": marks.escape,
        b".br": b"\n",
        b".BR": b"\n",
        b".sp": b"\n",
    }

    def meaning(found: re.Match[bytes]) -> bytes:
        word = found[1]
        if word in means:
            return means[word]
        if word.startswith(b"X"):
            try:
                return bytes.fromhex(word[1:].decode("ascii"))
            except ValueError:
                return b""
        return b"\n" if word.startswith((b".sp", b".sk")) else b""

    return meaning


def escaped(text: str, marks: Marks, charset: Charset) -> bytes:
    """Write a text so that no byte of it is taken for a separator."""
    raw = charset.encode(text)
    pairs = (
        (marks.escape, b"E"),
        (marks.field, b"F"),
        (marks.component, b"S"),
        (marks.repetition, b"R"),
        (marks.subcomponent, b"T"),
    )
    for mark, letter in pairs:
        raw = raw.replace(mark, b"\0" + letter + b"\0")
    raw = _LINE.sub(b"\0.br\0", raw)
    return raw.replace(b"\0", marks.escape)


def timestamp(at: float) -> bytes:
    """Write an instant, Unix seconds, as TS in UTC.

    Source: HL7 v2.5.1 2.A.77.
    """
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S+0000").encode()
