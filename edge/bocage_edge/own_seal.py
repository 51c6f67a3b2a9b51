"""What a box keeps for itself and may not read while it is locked: sealed to its own opening key.

Small things, held whole. Source: https://c2sp.org/age
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from bocage_edge.seal.age import AgeWriter, age_read


def seal_for_ourselves(raw: bytes, recipient: str) -> bytes:
    """Seal bytes to the box's own opening key.

    Args:
        recipient: `age1…`, the box's own.

    Raises:
        SealError: the recipient is none.
    """
    sealed = BytesIO()
    writer = AgeWriter(sealed.write, [recipient])
    writer.write(raw)
    writer.close()
    return sealed.getvalue()


def open_our_own(sealed: bytes, identities: Sequence[str]) -> bytes:
    """Open what `seal_for_ourselves` sealed.

    Args:
        identities: `AGE-SECRET-KEY-1…`; any of them.

    Raises:
        NotForUsError: no identity opens it.
        BrokenSealError: it was changed.
    """
    return b"".join(age_read(BytesIO(sealed), identities))
