"""The digest of an instance: what was received, exactly.

It covers what identifies the instance and the data set bytes, not the file meta that we or anybody
else write around them, so sender and receiver compute the same whatever lies between.

Source: design, "The road of an exam", 3.
"""

from __future__ import annotations

import hashlib
import struct


class InstanceDigest:
    """SHA-256 over SOP class, SOP instance and transfer syntax UID, then the data set bytes.

    Each UID goes in with its length (u32, big endian) in front, so no two triples run together.
    """

    def __init__(self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> None:
        """Begin with the UIDs as negotiated and requested, without padding."""
        self._hash = hashlib.sha256()
        for uid in (sop_class_uid, sop_instance_uid, transfer_syntax_uid):
            raw = uid.encode("ascii")
            self._hash.update(struct.pack(">I", len(raw)) + raw)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add data set bytes as they came."""
        self._hash.update(data)

    def hexdigest(self) -> str:
        """Give the digest as 64 hex digits."""
        return self._hash.hexdigest()
