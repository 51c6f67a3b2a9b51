"""What each frame says: one frozen dataclass a frame, its bytes, and its strict reader.

A reader accepts exactly what docs/relay-protocol.md section 4 allows and raises for the rest; no
value that leaves here is longer than its limit, and no text holds a control character. Object
names are 32 raw bytes on the wire, so a path in a name cannot be written down. Pure.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from bocage_edge.relay import page
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.wire import (
    BODY_LIMITS,
    CHUNK_LIMIT_BYTES,
    COMMIT_LIMIT_ITEMS,
    ENTRIES_LIMIT,
    ENTRIES_LIMIT_BYTES,
    PUSH_LIMIT_BYTES,
    TEXT_LIMIT_BYTES,
    FrameType,
    encode_frame,
)

# Laid down by docs/relay-protocol.md. Class order: most urgent first, ranks are compared.
CLASSES = ("urgent", "report", "routine", "prior")
KINDS = ("instance", "request", "report")
STORED = "stored"
VERDICTS = {1: STORED}
VERDICT_NUMBERS = {word: number for number, word in VERDICTS.items()}
REFUSALS = {
    1: "quota",
    2: "no space",
    3: "no destination",
    4: "too large",
    5: "busy",
    6: "disk fault",
}
REFUSAL_NUMBERS = {word: number for number, word in REFUSALS.items()}
LARGEST_OBJECT_BYTES = 1 << 40
LONGEST_RETRY_S = 7 * 86400
LATEST_MS = 1 << 53

_OFFER = struct.Struct(">I32sQBB16s16s32sQB")
_PUSHED = 1  # flag of an offer
_STREAM = struct.Struct(">I")
_STREAM_CLASS = struct.Struct(">IB")
_STREAM_OFFSET = struct.Struct(">IQ")
_REFUSE = struct.Struct(">IHI")
_COMMIT = struct.Struct(">QQH")
_COMMIT_ITEM = struct.Struct(">32sB")
_PULL = struct.Struct(">QI")
_ENTRIES = struct.Struct(">QBBI")
_LENGTH = struct.Struct(">I")
_NUMBER = struct.Struct(">Q")
_CODE = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class Offer:
    """One sealed object is there to be fetched. Opaque values only.

    Args:
        stream: number of the stream; on one connection 1, 2, 3 ...
        name: SHA-256 of the sealed bytes, hex.
        exam_id: keyed hash of the exam, 32 hex digits; so is `instance_key`.
        digest: of the instance inside, 64 hex digits.
        arrive_by_ms: Unix milliseconds, 0 for none.
        is_pushed: its bytes follow from the first on, without waiting for an answer.
    """

    stream: int
    name: str
    size_bytes: int
    klass: str
    kind: str
    exam_id: str
    instance_key: str
    digest: str
    arrive_by_ms: int
    is_pushed: bool = False

    def encode(self) -> bytes:
        """Give the whole frame."""
        fixed = _OFFER.pack(
            self.stream,
            bytes.fromhex(self.name),
            self.size_bytes,
            CLASSES.index(self.klass),
            KINDS.index(self.kind),
            bytes.fromhex(self.exam_id),
            bytes.fromhex(self.instance_key),
            bytes.fromhex(self.digest),
            self.arrive_by_ms,
            _PUSHED if self.is_pushed else 0,
        )
        return encode_frame(FrameType.OFFER, fixed)


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream; `offset` must be where the last ones ended."""

    stream: int
    offset: int
    chunk: memoryview

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(
            FrameType.DATA, _STREAM_OFFSET.pack(self.stream, self.offset), self.chunk
        )


@dataclass(frozen=True, slots=True)
class End:
    """All bytes of the stream were sent."""

    stream: int

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(FrameType.END, _STREAM.pack(self.stream))


@dataclass(frozen=True, slots=True)
class Cancel:
    """The sender gives the stream up; the object may be offered again later."""

    stream: int

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(FrameType.CANCEL, _STREAM.pack(self.stream))


@dataclass(frozen=True, slots=True)
class Raise:
    """The object travels in a more urgent class from now on."""

    stream: int
    klass: str

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(
            FrameType.RAISE, _STREAM_CLASS.pack(self.stream, CLASSES.index(self.klass))
        )


@dataclass(frozen=True, slots=True)
class Accept:
    """Send the object from this offset on."""

    stream: int
    offset: int

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(FrameType.ACCEPT, _STREAM_OFFSET.pack(self.stream, self.offset))


@dataclass(frozen=True, slots=True)
class Have:
    """The object is here already; a signed commit that names it follows."""

    stream: int

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(FrameType.HAVE, _STREAM.pack(self.stream))


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not now: offer the object again after `retry_after_s`. Nothing of it counts as stored."""

    stream: int
    reason: str
    retry_after_s: int
    text: str = ""

    def encode(self) -> bytes:
        """Give the whole frame."""
        fixed = _REFUSE.pack(self.stream, REFUSAL_NUMBERS[self.reason], self.retry_after_s)
        return encode_frame(FrameType.REFUSE, fixed, encode_text(self.text))


@dataclass(frozen=True, slots=True)
class Commit:
    """Objects that a power cut at the receiver cannot lose any more, with its signature."""

    epoch: int
    number: int
    verdicts: tuple[tuple[str, str], ...]
    signature: bytes

    def encode(self) -> bytes:
        """Give the whole frame."""
        items = b"".join(
            _COMMIT_ITEM.pack(bytes.fromhex(name), VERDICT_NUMBERS[verdict])
            for name, verdict in self.verdicts
        )
        fixed = _COMMIT.pack(self.epoch, self.number, len(self.verdicts))
        return encode_frame(FrameType.COMMIT, fixed, items, self.signature)


@dataclass(frozen=True, slots=True)
class Pull:
    """Give me your ledger entries of this link after a number.

    Args:
        encoding: the highest one that is understood (`page`).
    """

    after: int
    limit: int
    encoding: int = page.ZLIB

    def encode(self) -> bytes:
        """Give the whole frame."""
        fixed = _PULL.pack(self.after, self.limit)
        return encode_frame(FrameType.PULL, fixed, bytes([self.encoding]))


@dataclass(frozen=True, slots=True)
class Entries:
    """Ledger entries as their exact bytes, and the signed head they lead to.

    `head` is empty for a chain without entries.
    """

    after: int
    entries: tuple[bytes, ...]
    has_more: bool
    head: bytes
    encoding: int = page.PLAIN

    def encode(self) -> bytes:
        """Give the whole frame."""
        blobs = (*self.entries, self.head)
        packed = page.pack(
            self.encoding, b"".join(part for raw in blobs for part in (_LENGTH.pack(len(raw)), raw))
        )
        fixed = _ENTRIES.pack(self.after, self.encoding, int(self.has_more), len(self.entries))
        return encode_frame(FrameType.ENTRIES, fixed, packed)


@dataclass(frozen=True, slots=True)
class Head:
    """The sender's own chain of this link has grown to this number."""

    number: int

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(FrameType.HEAD, _NUMBER.pack(self.number))


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there? Answered by a Pong with the same token."""

    token: int

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(FrameType.PING, _NUMBER.pack(self.token))


@dataclass(frozen=True, slots=True)
class Pong:
    """I am here."""

    token: int

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(FrameType.PONG, _NUMBER.pack(self.token))


@dataclass(frozen=True, slots=True)
class ErrorFrame:
    """The connection ends, for this reason. The last frame of its sender."""

    code: int
    text: str

    def encode(self) -> bytes:
        """Give the whole frame."""
        return encode_frame(FrameType.ERROR, _CODE.pack(self.code), encode_text(self.text))


Frame = (
    Offer
    | Data
    | End
    | Cancel
    | Raise
    | Accept
    | Have
    | Refuse
    | Commit
    | Pull
    | Entries
    | Head
    | Ping
    | Pong
    | ErrorFrame
)


def encode_text(text: str) -> bytes:
    """Cut a text to what a frame may carry; never in the middle of a character."""
    return text.encode("utf-8")[:TEXT_LIMIT_BYTES].decode("utf-8", "ignore").encode("utf-8")


def parse_frame(kind: FrameType, body: bytes) -> Frame:
    """Read the body of any frame but HELLO and PROOF, which the handshake reads itself.

    Raises:
        RelayProtocolError: the body breaks the specification.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise RelayProtocolError(Fault.WRONG_STATE, f"{kind.name} after the handshake")
    try:
        return reader(body)
    except (struct.error, ValueError, KeyError, IndexError) as err:
        raise _bad(kind, type(err).__name__) from None


def _bad(kind: FrameType, why: str) -> RelayProtocolError:
    return RelayProtocolError(Fault.BAD_FRAME, f"{kind.name} cannot be read: {why}")


def _checked(condition: bool, kind: FrameType, why: str) -> None:
    if not condition:
        raise _bad(kind, why)


def _parse_offer(body: bytes) -> Offer:
    (stream, name, size, klass, kind, exam, key, digest, arrive_by_ms, flags) = _OFFER.unpack_from(
        body
    )
    is_pushed = bool(flags & _PUSHED)
    limit = PUSH_LIMIT_BYTES if is_pushed else LARGEST_OBJECT_BYTES
    _checked(0 < size <= limit, FrameType.OFFER, "size")
    _checked(arrive_by_ms < LATEST_MS, FrameType.OFFER, "time")
    return Offer(
        stream=stream,
        name=name.hex(),
        size_bytes=size,
        klass=CLASSES[klass],
        kind=KINDS[kind],
        exam_id=exam.hex(),
        instance_key=key.hex(),
        digest=digest.hex(),
        arrive_by_ms=arrive_by_ms,
        is_pushed=is_pushed,
    )


def _parse_raise(body: bytes) -> Raise:
    stream, klass = _STREAM_CLASS.unpack_from(body)
    return Raise(stream, CLASSES[klass])


def _parse_data(body: bytes) -> Data:
    stream, offset = _STREAM_OFFSET.unpack_from(body)
    chunk = memoryview(body)[_STREAM_OFFSET.size :]
    _checked(0 < len(chunk) <= CHUNK_LIMIT_BYTES, FrameType.DATA, "chunk length")
    _checked(offset <= LARGEST_OBJECT_BYTES, FrameType.DATA, "offset")
    return Data(stream, offset, chunk)


def _parse_stream(body: bytes) -> int:
    (stream,) = _STREAM.unpack_from(body)
    return int(stream)


def _parse_accept(body: bytes) -> Accept:
    return Accept(*_STREAM_OFFSET.unpack_from(body))


def _parse_refuse(body: bytes) -> Refuse:
    stream, code, retry_after_s = _REFUSE.unpack_from(body)
    _checked(retry_after_s <= LONGEST_RETRY_S, FrameType.REFUSE, "retry time")
    # A reason of a later version is still a refusal: it defers.
    return Refuse(
        stream, REFUSALS.get(code, "busy"), retry_after_s, parse_text(body[_REFUSE.size :])
    )


def _parse_commit(body: bytes) -> Commit:
    epoch, number, count = _COMMIT.unpack_from(body)
    _checked(0 < count <= COMMIT_LIMIT_ITEMS, FrameType.COMMIT, "number of items")
    end = _COMMIT.size + count * _COMMIT_ITEM.size
    _checked(len(body) == end + 64, FrameType.COMMIT, "length")
    items = _COMMIT_ITEM.iter_unpack(body[_COMMIT.size : end])
    verdicts = tuple((name.hex(), VERDICTS[verdict]) for name, verdict in items)
    return Commit(epoch, number, verdicts, body[end:])


def _parse_pull(body: bytes) -> Pull:
    after, limit = _PULL.unpack_from(body)
    _checked(limit > 0, FrameType.PULL, "limit of nought")
    # Who does not say is of a release that knows one encoding.
    encoding = body[_PULL.size] if len(body) > _PULL.size else page.PLAIN
    return Pull(_small(after), min(limit, ENTRIES_LIMIT), min(encoding, page.ZLIB))


def _parse_entries(body: bytes) -> Entries:
    after, encoding, flags, count = _ENTRIES.unpack_from(body)
    _checked(count <= ENTRIES_LIMIT, FrameType.ENTRIES, "number of entries")
    try:
        plain = page.unpack(encoding, body[_ENTRIES.size :], BODY_LIMITS[FrameType.ENTRIES][1])
    except ValueError as error:
        raise _bad(FrameType.ENTRIES, str(error)) from None
    blobs, end = _cut_blobs(plain, 0, count + 1)
    _checked(end == len(plain), FrameType.ENTRIES, "bytes left over")
    total = sum(map(len, blobs[:-1]))
    _checked(total <= ENTRIES_LIMIT_BYTES, FrameType.ENTRIES, "length")
    return Entries(_small(after), tuple(blobs[:-1]), bool(flags & 1), blobs[-1], encoding)


def _cut_blobs(body: bytes, start: int, count: int) -> tuple[list[bytes], int]:
    blobs = []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(body, start)
        start += _LENGTH.size
        _checked(start + length <= len(body), FrameType.ENTRIES, "entry length")
        blobs.append(body[start : start + length])
        start += length
    return blobs, start


def _small(number: int) -> int:
    # SQLite and JSON on the way hold 63 and 53 bits.
    _checked(number < 1 << 53, FrameType.ENTRIES, "number")
    return number


def _parse_number(body: bytes) -> int:
    (number,) = _NUMBER.unpack_from(body)
    return int(number)


def parse_text(raw: bytes) -> str:
    """Read a partner's text: UTF-8, printable characters only, anything else as '?'."""
    text = raw[:TEXT_LIMIT_BYTES].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in text)


def parse_error(body: bytes) -> ErrorFrame:
    """Read an ERROR frame, the one frame that is legal at every moment."""
    (code,) = _CODE.unpack_from(body)
    return ErrorFrame(code, parse_text(body[_CODE.size :]))


_READERS: dict[FrameType, Callable[[bytes], Frame]] = {
    FrameType.OFFER: _parse_offer,
    FrameType.DATA: _parse_data,
    FrameType.END: lambda body: End(_parse_stream(body)),
    FrameType.CANCEL: lambda body: Cancel(_parse_stream(body)),
    FrameType.RAISE: _parse_raise,
    FrameType.ACCEPT: _parse_accept,
    FrameType.HAVE: lambda body: Have(_parse_stream(body)),
    FrameType.REFUSE: _parse_refuse,
    FrameType.COMMIT: _parse_commit,
    FrameType.PULL: _parse_pull,
    FrameType.ENTRIES: _parse_entries,
    FrameType.HEAD: lambda body: Head(_small(_parse_number(body))),
    FrameType.PING: lambda body: Ping(_parse_number(body)),
    FrameType.PONG: lambda body: Pong(_parse_number(body)),
    FrameType.ERROR: parse_error,
}
