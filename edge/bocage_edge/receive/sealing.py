"""From a C-STORE to the sealing writer and back: its header, and what its end means to a sender."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bocage_edge.exam.heard import LAST_TAG, Heard
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.store import Arrival, Sealed
from bocage_edge.seal.container import Header, ObjectKind
from bocage_edge.seal.errors import TruncatedError, UnidentifiedError
from bocage_edge.seal.pool import CodecPool
from bocage_edge.seal.writer import Identified, InstanceWriter


class SealingWriter:
    """Seals one instance to its recipients. Implements `store.Writer`."""

    def __init__(
        self,
        pool: CodecPool,
        out_write: Callable[[bytes], None],
        recipients: Sequence[str],
        arrival: Arrival,
    ) -> None:
        """Begin an instance; see `InstanceWriter`."""
        self._arrival = arrival
        self._ear = Heard()
        self._writer = InstanceWriter(
            out_write, recipients, header_of(arrival), pool, ear=(self._ear, LAST_TAG)
        )

    def write(self, data: bytes | memoryview) -> None:
        """Take a fragment."""
        self._writer.write(data)

    def finish(self) -> Sealed | Answer:
        """Seal the rest; gives what the instance is, or why it cannot be taken."""
        try:
            sealed = self._writer.finish()
        except TruncatedError:
            return Answer.TRUNCATED
        except UnidentifiedError:
            return self._why_unidentified()
        if not is_as_commanded(sealed.identified, self._arrival):
            return Answer.OTHER_IDENTITY
        return Sealed(
            study_uid=sealed.identified.study_uid,
            digest=sealed.digest,
            content_digest=sealed.content_digest,
            dataset_bytes=sealed.dataset_bytes,
            modality=sealed.identified.modality,
            is_companion=sealed.identified.is_companion,
            particulars={**sealed.identified.particulars, **self._ear.issuers()},
            is_preliminary=sealed.identified.is_preliminary,
            identities=self._ear.identities(),
            document=self._ear.document(),
        )

    def abort(self) -> None:
        """Give up."""
        self._writer.abort()

    def _why_unidentified(self) -> Answer:
        reason = self._writer.unidentified or ""
        is_study_alone = "Study Instance UID" in reason and "SOP" not in reason
        return Answer.NO_STUDY if is_study_alone else Answer.UNREADABLE


def header_of(arrival: Arrival) -> Header:
    """Write what the partner must know of an instance before its first byte."""
    request = arrival.request
    return Header(
        kind=ObjectKind.INSTANCE,
        sop_class=request.command.sop_class,
        sop_instance=request.command.sop_instance,
        transfer_syntax=request.transfer_syntax,
        calling_aet=request.admitted.calling_aet,
        called_aet=arrival.service.aet,
        service=arrival.service.exam_class.value,
        received_at=int(arrival.received_at),
    )


def is_as_commanded(identified: Identified, arrival: Arrival) -> bool:
    """Whether the data set says it is what the command said it would be (PS3.4 B.2.3)."""
    command = arrival.request.command
    return (
        identified.sop_instance_uid == command.sop_instance
        and identified.sop_class_uid == command.sop_class
    )
