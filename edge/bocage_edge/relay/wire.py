"""The outermost layer of the stream: preamble, frame header, and the limit of every frame.

A connection opens with sixteen bytes from each side that name the protocol and the versions it
speaks. Frames follow: length (u32), type (u8), body; all numbers big endian. A header that breaks
a limit is refused as soon as its five bytes are there: a liar cannot make us wait for, or keep, a
frame that is too long. Pure: bytes in, values out.

Source: docs/relay-protocol.md, sections 2 and 3.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from bocage_edge.relay.fault import Fault, RelayProtocolError

# Laid down by docs/relay-protocol.md.
MAGIC = b"BOCAGE\r\n"
LOWEST_VERSION = 1
HIGHEST_VERSION = 1
PREAMBLE = struct.Struct(">8sHHI")  # magic, lowest, highest version, reserved (0)
HEADER = struct.Struct(">IB")  # body length, frame type
CHUNK_LIMIT_BYTES = 256 * 1024
PUSH_LIMIT_BYTES = 1024 * 1024  # an object of more is sent only once it is accepted
TEXT_LIMIT_BYTES = 200
COMMIT_LIMIT_ITEMS = 1024
ENTRIES_LIMIT = 250
ENTRIES_LIMIT_BYTES = ENTRIES_LIMIT * 4096


class FrameType(IntEnum):
    """What a frame says; the number is the byte on the wire."""

    HELLO = 0x01
    PROOF = 0x02
    ERROR = 0x03
    PING = 0x04
    PONG = 0x05
    OFFER = 0x10
    DATA = 0x11
    END = 0x12
    CANCEL = 0x13
    RAISE = 0x14
    ACCEPT = 0x20
    HAVE = 0x21
    REFUSE = 0x22
    COMMIT = 0x23
    PULL = 0x30
    ENTRIES = 0x31
    HEAD = 0x32


# Shortest and longest body in bytes. Fixed frames may grow in a later version: a reader takes the
# bytes it knows and passes over the rest, so the upper limit leaves room.
BODY_LIMITS: dict[FrameType, tuple[int, int]] = {
    FrameType.HELLO: (2, 8 * 1024),
    FrameType.PROOF: (64, 256),
    FrameType.ERROR: (2, 2 + TEXT_LIMIT_BYTES),
    FrameType.PING: (8, 64),
    FrameType.PONG: (8, 64),
    FrameType.OFFER: (119, 512),
    FrameType.DATA: (4 + 8 + 1, 4 + 8 + CHUNK_LIMIT_BYTES),
    FrameType.END: (4, 64),
    FrameType.CANCEL: (4, 64),
    FrameType.RAISE: (5, 64),
    FrameType.ACCEPT: (12, 64),
    FrameType.HAVE: (4, 64),
    FrameType.REFUSE: (10, 10 + TEXT_LIMIT_BYTES),
    FrameType.COMMIT: (8 + 8 + 2 + 33 + 64, 8 + 8 + 2 + 33 * COMMIT_LIMIT_ITEMS + 64),
    FrameType.PULL: (12, 64),
    FrameType.ENTRIES: (18, 18 + ENTRIES_LIMIT_BYTES + 4 * ENTRIES_LIMIT + 1024),
    FrameType.HEAD: (8, 64),
}


@dataclass(frozen=True, slots=True)
class Versions:
    """The closed range of protocol versions one side speaks."""

    lowest: int
    highest: int


OUR_VERSIONS = Versions(LOWEST_VERSION, HIGHEST_VERSION)


def encode_preamble(versions: Versions = OUR_VERSIONS) -> bytes:
    """Give the first sixteen bytes of a connection."""
    return PREAMBLE.pack(MAGIC, versions.lowest, versions.highest, 0)


def parse_preamble(raw: bytes) -> Versions:
    """Read the sixteen bytes a partner opens with.

    Raises:
        RelayProtocolError: it is not our protocol, or the range is upside down.
    """
    magic, lowest, highest, _reserved = PREAMBLE.unpack(raw)
    if magic != MAGIC:
        raise RelayProtocolError(Fault.NOT_OUR_PROTOCOL, "the connection opens with other bytes")
    if not 1 <= lowest <= highest:
        raise RelayProtocolError(Fault.BAD_FRAME, "version range is upside down")
    return Versions(lowest, highest)


def common_version(own: Versions, partner: Versions) -> int:
    """Give the highest version both sides speak.

    Raises:
        RelayProtocolError: there is none; a software update is needed on the older side.
    """
    version = min(own.highest, partner.highest)
    if version < max(own.lowest, partner.lowest):
        raise RelayProtocolError(
            Fault.NO_COMMON_VERSION,
            f"we speak {own.lowest} to {own.highest},"
            f" the partner {partner.lowest} to {partner.highest}",
        )
    return version


def encode_frame(kind: FrameType, *parts: bytes | memoryview) -> bytes:
    """Put a header before a body given in parts."""
    length = sum(len(part) for part in parts)
    return b"".join((HEADER.pack(length, kind), *parts))


class FrameDecoder:
    """Cuts a byte stream into (type, body); keeps at most one incomplete frame.

    The first sixteen bytes are the preamble: `version` is None until they are there, and the
    version to speak from then on.
    """

    __slots__ = ("_buffer", "_own", "version")

    def __init__(self, own: Versions = OUR_VERSIONS) -> None:
        self._buffer = bytearray()
        self._own = own
        self.version: int | None = None

    @property
    def buffered_bytes(self) -> int:
        """Bytes of the incomplete frame held back."""
        return len(self._buffer)

    def feed(self, data: bytes | memoryview) -> list[tuple[FrameType, bytes]]:
        """Take what came in; give the frames that are complete now.

        Raises:
            RelayProtocolError: magic, type or length breaks the specification. The decoder must
                not be used afterwards.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        if self.version is None:
            start = self._take_preamble()
            if not start:
                return []
        frames: list[tuple[FrameType, bytes]] = []
        with memoryview(buffer) as view:
            while len(view) - start >= HEADER.size:
                length, number = HEADER.unpack_from(view, start)
                kind = _checked_type(length, number)
                end = start + HEADER.size + length
                if end > len(view):
                    break
                frames.append((kind, bytes(view[start + HEADER.size : end])))
                start = end
        del buffer[:start]
        return frames

    def _take_preamble(self) -> int:
        # A stranger's first bytes are judged as they come: a web browser must not hang.
        head = bytes(self._buffer[: PREAMBLE.size])
        if head[: len(MAGIC)] != MAGIC[: len(head)]:
            raise RelayProtocolError(
                Fault.NOT_OUR_PROTOCOL, "the connection opens with other bytes"
            )
        if len(head) < PREAMBLE.size:
            return 0
        self.version = common_version(self._own, parse_preamble(head))
        return PREAMBLE.size


def _checked_type(length: int, number: int) -> FrameType:
    try:
        kind = FrameType(number)
    except ValueError:
        raise RelayProtocolError(Fault.BAD_FRAME, f"frame type 0x{number:02x} is unknown") from None
    shortest, longest = BODY_LIMITS[kind]
    if not shortest <= length <= longest:
        raise RelayProtocolError(
            Fault.BAD_FRAME, f"{kind.name} of {length} bytes; {shortest} to {longest} are allowed"
        )
    return kind
