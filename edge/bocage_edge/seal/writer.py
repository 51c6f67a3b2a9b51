"""Seals one instance while it arrives.

`write` takes data set bytes as they come off the wire; `finish` answers, at most about two seconds
after the last of them, what was sealed. Memory is bounded whatever the size. What is sealed
restores the very bytes: pixels go through a codec that compared before it answered, everything
else through zstd or as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bocage_edge.seal import dictionary as dd
from bocage_edge.seal.beside import Beside
from bocage_edge.seal.container import Header, Trailer
from bocage_edge.seal.content import ContentDigest
from bocage_edge.seal.digest import InstanceDigest
from bocage_edge.seal.errors import TruncatedError, UnidentifiedError
from bocage_edge.seal.frames import ANSWER_WITHIN_S, pixel_format, plan_native, zstd_level
from bocage_edge.seal.outflow import PLAIN_BLOCK_BYTES, Outflow
from bocage_edge.seal.pixels import CodedPixels, NativePixels
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.scanner import ContentSink, Fault, Kind, Limits, Piece, Scanner
from bocage_edge.seal.syntax import EXPLICIT_BIG

# Of the time to answer, what fsync and the row may take.
DURABLE_WITHIN_S = 0.3

# PS3.3 C.7.3.1.1.1, PS3.6 A: what accompanies images and is not itself read.
COMPANION_MODALITIES = frozenset({"SR", "KO", "PR", "DOC", "AU", "PLAN", "REG"})
_COMPANION_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.7",  # secondary capture, with its multi-frame forms
    "1.2.840.10008.5.1.4.1.1.11",  # presentation states
    "1.2.840.10008.5.1.4.1.1.88",  # structured reports, key objects, dose reports
    "1.2.840.10008.5.1.4.1.1.104",  # encapsulated documents
)


@dataclass(frozen=True, slots=True)
class Identified:
    """Who an instance says it is, by its own data set."""

    study_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    modality: str | None
    is_companion: bool
    fault: Fault | None  # never TRUNCATED: such an instance is not sealed
    particulars: Mapping[int, bytes]  # who it is of, of `dictionary.KEPT`
    is_preliminary: bool = False  # a document that says it is not final (PS3.3 C.17.2)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was sealed."""

    digest: str  # 64 hex digits
    content_digest: str | None  # 64 hex digits; None where the content could not be decoded
    dataset_bytes: int
    coded_bytes: int  # of the sealed object
    identified: Identified


class InstanceWriter:
    """See the module. Used by one thread at a time; ended by `finish` or `abort`."""

    def __init__(
        self,
        out_write: Callable[[bytes], object],
        recipients: Sequence[str],
        header: Header,
        codec: CodecPool,
        *,
        limits: Limits | None = None,
        ear: tuple[ContentSink, int] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin an instance; nothing is written before it is identified.

        Args:
            out_write: takes every byte it is given, or raises; its errors pass through `write` and
                `finish`, after which only `abort` is left.
            recipients: `age1…`.
            header: its `study` is filled in from the data set.
            ear: hears the data set as well, up to an element's tag; see `beside`.
        """
        self._recipients = list(recipients)
        self._header = header
        self._codec = codec
        self._monotonic = monotonic
        self._digest = InstanceDigest(header.sop_class, header.sop_instance, header.transfer_syntax)
        self._content = ContentDigest()
        heard = self._content if ear is None else Beside(self._content, *ear)
        self._scanner = Scanner(header.transfer_syntax, heard, limits)
        self._outflow = Outflow(out_write, codec.budget, monotonic)
        self._plain = bytearray()
        self._pixels: NativePixels | CodedPixels | None = None
        self._is_in_pixels = False
        self._dataset_bytes = 0
        self._last_write_at = monotonic()

    @property
    def unidentified(self) -> str | None:
        """Why the instance will be refused, as soon as that is clear."""
        return self._scanner.unidentified

    @property
    def is_identified(self) -> bool:
        """Whether study, SOP class and SOP instance are known."""
        return self._scanner.is_identified

    @property
    def modality(self) -> str | None:
        """Modality, once identified; None also where the data set has none."""
        return self._scanner.noted.text(dd.MODALITY)

    @property
    def study_uid(self) -> str | None:
        """Study Instance UID, once it has come."""
        return self._scanner.noted.text(dd.STUDY_INSTANCE_UID)

    def write(self, fragment: bytes | bytearray | memoryview) -> None:
        """Take data set bytes; may wait for the codec, so that memory stays bounded.

        Raises:
            Exception: whatever `out_write` raised.
        """
        self._last_write_at = self._monotonic()
        if self._scanner.unidentified is not None:
            return  # `finish` says so; nothing more of it is kept
        self._digest.update(fragment)
        self._dataset_bytes += len(fragment)
        self._take(self._scanner.feed(fragment))
        if self._scanner.is_identified:
            self._open()
        self._outflow.drain()

    def finish(self) -> Sealed:
        """End the instance and give what was sealed.

        Raises:
            UnidentifiedError: no valid study, SOP class or SOP instance UID.
            TruncatedError: it ends inside an element or an open sequence.
            Exception: whatever `out_write` raised.
        """
        deadline = self._last_write_at + ANSWER_WITHIN_S - DURABLE_WITHIN_S
        self._take(self._scanner.close())
        self._refuse_what_cannot_count()
        self._end_pixels()
        self._flush_plain()
        self._open()
        self._outflow.finish(deadline)
        frames = self._pixels.digests(deadline) if self._pixels is not None else []
        trailer = Trailer(
            self._digest.hexdigest(), self._content.finish(frames), self._dataset_bytes
        )
        self._outflow.close(trailer)
        return Sealed(
            trailer.digest,
            trailer.content_digest,
            self._dataset_bytes,
            self._outflow.coded_bytes,
            self._identified(),
        )

    def abort(self) -> None:
        """Give up: frames are taken back from the codec. Harmless at any time, and repeatedly."""
        if isinstance(self._pixels, CodedPixels):
            self._pixels.abort()
        self._outflow.abort()
        self._plain = bytearray()

    def _refuse_what_cannot_count(self) -> None:
        fault, reason = self._scanner.fault, self._scanner.unidentified
        if reason is not None or fault is Fault.TRUNCATED:
            self.abort()
        if fault is Fault.TRUNCATED:
            raise TruncatedError(f"the data set {fault.value}", "it has to be sent again")
        if reason is not None:
            raise UnidentifiedError(f"the instance cannot be identified: {reason}")

    def _open(self) -> None:
        if self._outflow.is_open:
            return
        study = self._scanner.noted.text(dd.STUDY_INSTANCE_UID)
        self._outflow.open(self._recipients, replace(self._header, study=study))

    def _take(self, pieces: list[Piece]) -> None:
        for kind, piece in pieces:
            if kind is Kind.PLAIN:
                self._end_pixels()
                self._plain += piece
                if len(self._plain) >= PLAIN_BLOCK_BYTES:
                    self._flush_plain()
            elif kind is Kind.PIXELS:
                self._native_pixels().take(piece)
            elif kind is Kind.ITEM:
                self._coded_pixels().take_item(piece)
            else:
                self._coded_pixels().take_fragment(piece)

    def _native_pixels(self) -> NativePixels:
        if isinstance(self._pixels, NativePixels):
            return self._pixels
        self._begin_pixels()
        is_big = self._header.transfer_syntax == EXPLICIT_BIG
        plan = plan_native(
            self._scanner.attributes,
            length=self._scanner.pixel_length or 0,
            vr=self._scanner.pixel_vr,
            is_big_endian=is_big,
        )
        pixels = NativePixels(plan, self._outflow, self._codec, is_big_endian=is_big)
        self._pixels = pixels
        return pixels

    def _coded_pixels(self) -> CodedPixels:
        if isinstance(self._pixels, CodedPixels):
            return self._pixels
        self._begin_pixels()
        image = self._scanner.attributes
        pixels = CodedPixels(
            self._header.transfer_syntax,
            pixel_format(image),
            image.frames,
            self._outflow,
            self._codec,
        )
        self._pixels = pixels
        return pixels

    def _begin_pixels(self) -> None:
        # The scanner finds pixel data only in an instance it has identified.
        self._open()
        self._flush_plain()
        self._is_in_pixels = True

    def _end_pixels(self) -> None:
        if self._is_in_pixels and self._pixels is not None:
            self._pixels.close()
            self._is_in_pixels = False

    def _flush_plain(self) -> None:
        if self._plain:
            level = zstd_level(self._codec.backlog_bytes, self._codec.rate_bytes_s)
            self._outflow.plain(self._plain, level)
            self._plain = bytearray()

    def _identified(self) -> Identified:
        noted = self._scanner.noted
        sop_class = noted.text(dd.SOP_CLASS_UID) or ""
        modality = noted.text(dd.MODALITY)
        return Identified(
            noted.text(dd.STUDY_INSTANCE_UID) or "",
            sop_class,
            noted.text(dd.SOP_INSTANCE_UID) or "",
            modality,
            is_companion(sop_class, modality),
            self._scanner.fault,
            noted.particulars,
            noted.text(dd.PRELIMINARY_FLAG) == "PRELIMINARY"
            or noted.text(dd.COMPLETION_FLAG) == "PARTIAL",
        )


def is_companion(sop_class_uid: str, modality: str | None) -> bool:
    """Whether an instance only accompanies what is read: it never decides eligibility."""
    by_class = any(
        sop_class_uid == known or sop_class_uid.startswith(known + ".")
        for known in _COMPANION_CLASSES
    )
    return by_class or modality in COMPANION_MODALITIES
