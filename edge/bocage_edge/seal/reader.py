"""Opens a sealed object: the exact bytes that were received, verified.

Streams with bounded memory. What comes out of `blocks` before its end is genuine as far as the
sender's seal goes, but only the end proves that it is all there and what the digest says: whoever
passes it on must hold back the last bytes until the iterator has ended without an error.

Image codecs run in the pool. zstd runs here: the object comes from a partner we have pinned, and
each block says beforehand how long it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import zstandard

from bocage_edge.seal.age import Readable, age_read
from bocage_edge.seal.container import (
    Block,
    BlockType,
    Header,
    Trailer,
    parse_json,
    read_blocks,
    split_zstd,
)
from bocage_edge.seal.digest import InstanceDigest
from bocage_edge.seal.errors import BrokenSealError, CodecFailedError, DigestMismatchError
from bocage_edge.seal.layout import LAYOUT_BYTES, FrameLayout
from bocage_edge.seal.pool import CodecPool

# Frames are decoded ahead of the one that is given out, within this; one frame always.
AHEAD_BYTES = 24 * 1024 * 1024
PIECE_BYTES = 1024 * 1024


class OpenedInstance:
    """An object of which the header was read. Not only instances: requests and reports too."""

    def __init__(self, header: Header, blocks: Iterator[Block], codec: CodecPool | None) -> None:
        """Wrap; use `open_sealed`."""
        self.header = header
        self.trailer: Trailer | None = None  # once `blocks` has ended
        self._blocks = blocks
        self._codec = codec
        self._digest = InstanceDigest(header.sop_class, header.sop_instance, header.transfer_syntax)
        self._bytes = 0
        self._ahead: deque[tuple[int, Future[bytearray] | bytes]] = deque()
        self._ahead_bytes = 0

    def blocks(self) -> Iterator[bytes]:
        """Give the bytes in pieces of up to 1 MiB, once.

        Raises:
            BrokenSealError: cut, changed, or no object of ours.
            DigestMismatchError: the bytes are not those that were sealed.
            CodecFailedError: a frame cannot be decoded, or there is no codec at hand.
        """
        for block in self._blocks:
            if block.type is BlockType.TRAILER:
                yield from self._give(0)
                self._verify(Trailer.from_json(parse_json(block.payload)))
            else:
                size, data = self._decoded(block)
                self._ahead.append((size, data))
                self._ahead_bytes += size
                yield from self._give(AHEAD_BYTES)

    def _give(self, keep_bytes: int) -> Iterator[bytes]:
        """Give out from the front: what is ready, and whatever exceeds `keep_bytes`."""
        while self._ahead:
            size, data = self._ahead[0]
            if isinstance(data, Future):
                is_due = self._ahead_bytes > keep_bytes or not keep_bytes
                if not is_due and not data.done():
                    return
            self._ahead.popleft()
            self._ahead_bytes -= size
            yield from self._pieces(data)

    def _pieces(self, data: Future[bytearray] | bytes) -> Iterator[bytes]:
        """Give a block out in pieces: whoever takes them copies no 64 MiB at a time."""
        whole = memoryview(data.result() if isinstance(data, Future) else data)
        self._digest.update(whole)
        self._bytes += len(whole)
        for start in range(0, len(whole), PIECE_BYTES):
            yield bytes(whole[start : start + PIECE_BYTES])

    def _decoded(self, block: Block) -> tuple[int, Future[bytearray] | bytes]:
        if block.type is BlockType.RAW:
            return len(block.payload), block.payload
        if block.type is BlockType.ZSTD:
            data = _unzstd(block.payload)
            return len(data), data
        if block.type is not BlockType.FRAME:
            raise BrokenSealError("a second header")
        layout = FrameLayout.unpack(block.payload)
        if self._codec is None:
            raise CodecFailedError("the object holds coded pixels and no codec is at hand")
        stream = memoryview(block.payload)[LAYOUT_BYTES:]
        return layout.size_bytes, self._codec.open_block(layout, stream)

    def _verify(self, trailer: Trailer) -> None:
        if self._bytes != trailer.dataset_bytes or self._digest.hexdigest() != trailer.digest:
            raise DigestMismatchError(
                "the object does not hold what was sealed", "its sender has to send it again"
            )
        self.trailer = trailer


def open_sealed(
    readable: Readable, identities: Sequence[str], codec: CodecPool | None = None
) -> OpenedInstance:
    """Read the header of a sealed object.

    Args:
        readable: the sealed bytes, from their beginning.
        identities: opening keys, `AGE-SECRET-KEY-1…`; older ones too while objects need them.
        codec: may be missing only where no pixels can be in it.

    Raises:
        NotForUsError: sealed to another key.
        BrokenSealError: cut, changed, or no object of ours.
    """
    return open_plain(age_read(readable, identities), codec)


def open_plain(chunks: Iterator[bytes], codec: CodecPool | None = None) -> OpenedInstance:
    """Read the header of an object whose encryption was taken off, by us or by `age -d`.

    Args:
        chunks: the plaintext in pieces of any size.
        codec: may be missing only where no pixels can be in it.

    Raises:
        BrokenSealError: cut, changed, or no object of ours.
    """
    blocks = read_blocks(chunks)
    first = next(blocks)
    if first.type is not BlockType.HEADER:
        raise BrokenSealError("the object does not begin with a header")
    return OpenedInstance(Header.from_json(parse_json(first.payload)), blocks, codec)


def _unzstd(payload: bytes) -> bytes:
    length, coded = split_zstd(payload)
    try:
        if zstandard.frame_content_size(coded) != length:
            raise BrokenSealError("a zstd block states another length")
        data = zstandard.ZstdDecompressor().decompress(
            coded, max_output_size=length, allow_extra_data=False
        )
    except zstandard.ZstdError:
        raise BrokenSealError("a zstd block is damaged") from None
    if len(data) != length:
        raise BrokenSealError("a zstd block states another length")
    return data
