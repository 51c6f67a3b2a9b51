"""What lies inside the seal: the magic, then blocks that decode to the exact bytes of one object.

    "BOCAGE1\\n"  { type u8 · length u32 BE · payload }*

    H  header, JSON         always the first block
    R  raw                  the bytes themselves
    Z  zstd                 decoded length u32 BE, then one zstd frame
    J  one frame of pixels, or some rows of it: `FrameLayout` (12 bytes), then an HTJ2K codestream
    T  trailer, JSON        always the last block: digests and length

R, Z and J blocks, decoded and joined in order, are the data set as received. No block decodes to
more than 64 MiB. This module knows the layout only: no codec, no cipher.

Source: docs/sealed-object.md
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from bocage_edge.errors import SealError
from bocage_edge.seal.errors import BrokenSealError
from bocage_edge.seal.layout import BLOCK_LIMIT_BYTES

MAGIC = b"BOCAGE1\n"
# A coded block may be a little longer than what it decodes to; more than this is a lie.
PAYLOAD_LIMIT_BYTES = BLOCK_LIMIT_BYTES + 1024 * 1024
JSON_LIMIT_BYTES = 64 * 1024

_HEAD = struct.Struct(">cI")
_LENGTH = struct.Struct(">I")


class BlockType(Enum):
    """The first byte of a block."""

    HEADER = b"H"
    RAW = b"R"
    ZSTD = b"Z"
    FRAME = b"J"
    TRAILER = b"T"


class ObjectKind(Enum):
    """What a sealed object holds."""

    INSTANCE = "instance"
    REQUEST = "request"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Header:
    """What the receiver must know of an object before its first byte.

    For an instance the three UIDs are those of the C-STORE request and its presentation context;
    for other kinds `sop_class` and `sop_instance` name the document in the same place, and
    `transfer_syntax` is its media type.
    """

    kind: ObjectKind
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    calling_aet: str
    called_aet: str
    service: str  # the class of the service: "routine", "urgent" …
    received_at: int  # Unix seconds
    study: str | None = None  # Study Instance UID; the writer fills it in from the data set
    extra: tuple[tuple[str, str], ...] = ()  # further words, kept as they are

    def to_json(self) -> dict[str, Any]:
        """Give the JSON object of an H block."""
        return {
            **dict(self.extra),
            "kind": self.kind.value,
            "sop_class": self.sop_class,
            "sop_instance": self.sop_instance,
            "transfer_syntax": self.transfer_syntax,
            "calling_aet": self.calling_aet,
            "called_aet": self.called_aet,
            "service": self.service,
            "received_at": self.received_at,
            "study": self.study,
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Self:
        """Read the JSON object of an H block; unknown text members are kept in `extra`.

        Raises:
            BrokenSealError: a member is missing or of another type.
        """
        rest = dict(raw)
        try:
            kind = ObjectKind(rest.pop("kind"))
            words = {name: _text(rest.pop(name)) for name in _HEADER_WORDS}
            received_at, study = int(rest.pop("received_at")), rest.pop("study", None)
        except (KeyError, ValueError, TypeError) as error:
            raise BrokenSealError(f"the header of the object is not ours: {error}") from None
        extra = tuple((name, value) for name, value in rest.items() if isinstance(value, str))
        return cls(
            kind=kind,
            received_at=received_at,
            study=None if study is None else _text(study),
            extra=extra,
            **words,
        )


_HEADER_WORDS = (
    "sop_class",
    "sop_instance",
    "transfer_syntax",
    "calling_aet",
    "called_aet",
    "service",
)


@dataclass(frozen=True, slots=True)
class Trailer:
    """What the receiver checks the object against once it has all of it."""

    digest: str  # 64 hex digits
    content_digest: str | None  # 64 hex digits
    dataset_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Give the JSON object of a T block."""
        return {
            "digest": self.digest,
            "content_digest": self.content_digest,
            "dataset_bytes": self.dataset_bytes,
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Self:
        """Read the JSON object of a T block.

        Raises:
            BrokenSealError: a member is missing or of another type.
        """
        try:
            content = raw.get("content_digest")
            return cls(
                _text(raw["digest"]),
                None if content is None else _text(content),
                int(raw["dataset_bytes"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise BrokenSealError(f"the trailer of the object is not ours: {error}") from None


@dataclass(frozen=True, slots=True)
class Block:
    """One block as it lies in the container."""

    type: BlockType
    payload: bytes


def block_head(kind: BlockType, length: int) -> bytes:
    """Give the five bytes before a payload."""
    return _HEAD.pack(kind.value, length)


def json_block(kind: BlockType, content: dict[str, Any]) -> bytes:
    """Give a whole H or T block.

    Raises:
        SealError: the content is too long for one.
    """
    payload = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    if len(payload) > JSON_LIMIT_BYTES:
        raise SealError("the header of an object would be too long")
    return block_head(kind, len(payload)) + payload


def zstd_payload_head(decoded_bytes: int) -> bytes:
    """Give the start of a Z payload."""
    return _LENGTH.pack(decoded_bytes)


def split_zstd(payload: bytes) -> tuple[int, memoryview]:
    """Take a Z payload apart: decoded length, zstd frame.

    Raises:
        BrokenSealError: it would decode to more than 64 MiB.
    """
    if len(payload) < _LENGTH.size:
        raise BrokenSealError("a zstd block is too short")
    (length,) = _LENGTH.unpack_from(payload)
    if length > BLOCK_LIMIT_BYTES:
        raise BrokenSealError("a zstd block would be too large")
    return length, memoryview(payload)[_LENGTH.size :]


def parse_json(payload: bytes) -> dict[str, Any]:
    """Read the JSON object of an H or T block.

    Raises:
        BrokenSealError: it is none.
    """
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        raise BrokenSealError("a header or trailer is not JSON") from None
    if not isinstance(content, dict):
        raise BrokenSealError("a header or trailer is not a JSON object")
    return content


def read_blocks(chunks: Iterator[bytes]) -> Iterator[Block]:
    """Cut the plaintext into blocks, one in memory at a time.

    Args:
        chunks: the plaintext in pieces of any size.

    Raises:
        BrokenSealError: no magic, an unknown or overlong block, an end inside a block, no trailer,
            or bytes after it.
    """
    source = _Chunks(chunks)
    if source.take(len(MAGIC)) != MAGIC:
        raise BrokenSealError("not an object of Bocage, or of a newer version")
    block = None
    while block is None or block.type is not BlockType.TRAILER:
        block = _read_block(source)
        yield block
    if source.has_more():
        raise BrokenSealError("bytes after the trailer")


def _read_block(source: _Chunks) -> Block:
    letter, length = _HEAD.unpack(source.take(_HEAD.size))
    try:
        kind = BlockType(letter)
    except ValueError:
        raise BrokenSealError(f"a block of unknown type 0x{letter.hex()}") from None
    is_json = kind in (BlockType.HEADER, BlockType.TRAILER)
    if length > (JSON_LIMIT_BYTES if is_json else PAYLOAD_LIMIT_BYTES):
        raise BrokenSealError("a block is too long")
    return Block(kind, source.take(length))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


class _Chunks:
    """Exact lengths out of pieces of any size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._piece = memoryview(b"")

    def take(self, size: int) -> bytes:
        """Give `size` bytes; memory grows with what came, not with what was announced."""
        if size <= len(self._piece):
            taken, self._piece = bytes(self._piece[:size]), self._piece[size:]
            return taken
        parts, missing = [], size
        while missing:
            if not self._piece and not self.has_more():
                raise BrokenSealError("the object ends inside a block")
            part, self._piece = self._piece[:missing], self._piece[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def has_more(self) -> bool:
        """Whether a byte is left; fetches the next piece where none is at hand."""
        while not self._piece:
            piece = next(self._chunks, None)
            if piece is None:
                return False
            self._piece = memoryview(piece)
        return True
