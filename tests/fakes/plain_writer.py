"""A twin of the sealing writer: identifies like it, and writes the bytes as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from bocage_edge.exam.heard import Heard
from bocage_edge.receive.answer import Answer
from bocage_edge.receive.store import Arrival, Sealed
from bocage_edge.seal import dictionary as dd
from bocage_edge.seal.digest import InstanceDigest
from bocage_edge.seal.scanner import Fault, Scanner
from bocage_edge.seal.writer import is_companion


class PlainWriter:
    """Sealing without a seal."""

    def __init__(
        self, out_write: Callable[[bytes], None], recipients: Sequence[str], arrival: Arrival
    ) -> None:
        """Begin an instance."""
        request = arrival.request
        command = request.command
        self._out_write = out_write
        self._arrival = arrival
        self._ear = Heard()
        self._scanner = Scanner(request.transfer_syntax, self._ear)
        self._digest = InstanceDigest(
            command.sop_class, command.sop_instance, request.transfer_syntax
        )
        self._bytes = 0
        self.is_aborted = False

    def write(self, data: bytes | memoryview) -> None:
        """Take a fragment."""
        if not self._bytes:
            self._out_write(os.urandom(16))  # like a file key: no two sealed objects are alike
        self._scanner.feed(data)
        self._digest.update(data)
        self._bytes += len(data)
        self._out_write(bytes(data))

    def finish(self) -> Sealed | Answer:
        """Say what the instance is."""
        self._scanner.close()
        command = self._arrival.request.command
        noted = self._scanner.noted
        if self._scanner.fault is Fault.TRUNCATED:
            return Answer.TRUNCATED
        if not self._scanner.is_identified:
            return Answer.NO_STUDY
        if noted.text(dd.SOP_INSTANCE_UID) != command.sop_instance:
            return Answer.OTHER_IDENTITY
        return Sealed(
            study_uid=noted.text(dd.STUDY_INSTANCE_UID) or "",
            digest=self._digest.hexdigest(),
            content_digest=None,
            dataset_bytes=self._bytes,
            modality=noted.text(dd.MODALITY),
            is_companion=is_companion(
                self._arrival.request.command.sop_class, noted.text(dd.MODALITY)
            ),
            particulars={**noted.particulars, **self._ear.issuers()},
            identities=self._ear.identities(),
            document=self._ear.document(),
            is_preliminary=noted.text(dd.PRELIMINARY_FLAG) == "PRELIMINARY",
        )

    def abort(self) -> None:
        """Give up."""
        self.is_aborted = True
