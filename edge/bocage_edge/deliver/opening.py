"""From a name in the spool to an open instance whose bytes are checked as they go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

from bocage_edge.deliver.attempt import CorruptObjectError, NoKeyError, Opened, UnreadableError
from bocage_edge.deliver.frame import FrameFaultError
from bocage_edge.errors import SealError
from bocage_edge.seal.container import ObjectKind
from bocage_edge.seal.errors import CodecFailedError, NotForUsError
from bocage_edge.seal.layout import PixelFormat
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.reader import OpenedInstance, open_sealed
from bocage_edge.spool.store import Spool

Answer = TypeVar("Answer")


class SpoolOpener:
    """Opens objects of the spool with the keys that are at hand at that moment."""

    def __init__(self, spool: Spool, pool: CodecPool, keys: Callable[[], Sequence[str]]) -> None:
        """Make an opener; safe to use from any thread."""
        self._spool = spool
        self._pool = pool
        self._keys = keys

    @contextlib.contextmanager
    def __call__(self, name: str, digest: str) -> Iterator[Opened]:
        """Open an object.

        Raises:
            NoKeyError: none of the keys opens it.
            CorruptObjectError: it is damaged.
            SpoolError: the spool has no file of it.
        """
        with self._spool.open(name) as sealed:
            try:
                opened = open_sealed(sealed, self._keys(), self._pool)
            except NotForUsError:
                raise NoKeyError from None
            except SealError:
                raise CorruptObjectError from None
            yield _OpenedObject(opened, digest)


class _OpenedObject:
    def __init__(self, opened: OpenedInstance, digest: str) -> None:
        self._opened = opened
        self._digest = digest
        header = opened.header
        self.is_instance = header.kind is ObjectKind.INSTANCE
        self.sop_class = header.sop_class
        self.sop_instance = header.sop_instance
        self.transfer_syntax = header.transfer_syntax

    def dataset(self) -> Iterator[bytes]:
        try:
            yield from self._opened.blocks()
        except CodecFailedError:
            # It says nothing of the bytes: the worker may have been ended for want of memory.
            raise UnreadableError from None
        except SealError:
            raise CorruptObjectError from None
        # The reader has compared the bytes with the trailer; the trailer must be the one that the
        # partner announced and the ledgers speak of.
        trailer = self._opened.trailer
        if trailer is None or trailer.digest != self._digest:
            raise CorruptObjectError


class PoolCodec:
    """The codec workers, as transcoding asks them: one frame, and the answer."""

    def __init__(self, pool: CodecPool) -> None:
        """Use a pool that others use too."""
        self._pool = pool

    def decode(self, syntax: str, form: PixelFormat, stream: bytes) -> bytes:
        """Decode one frame; see `FrameCodec`."""
        return _answer(self._pool.decode(syntax, form, stream))

    def encode(self, syntax: str, form: PixelFormat, raw: bytes) -> tuple[bytes, str]:
        """Code one frame without loss; see `FrameCodec`."""
        return _answer(self._pool.encode(syntax, form, raw))


def _answer(future: Future[Answer]) -> Answer:
    try:
        return future.result()
    except CodecFailedError:
        raise FrameFaultError("the codec cannot take one of its frames") from None
