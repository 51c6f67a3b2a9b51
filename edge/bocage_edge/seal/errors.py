"""What can go wrong while coding, sealing and opening.

All are `SealError`; a caller may act on each.
"""

from __future__ import annotations

from bocage_edge.errors import SealError


class NotForUsError(SealError):
    """None of the keys at hand opens this object."""


class BrokenSealError(SealError):
    """The object was cut or changed, or is none of ours; nothing more of it is to be believed."""


class DigestMismatchError(BrokenSealError):
    """The object opened, and its bytes are not those that were sealed."""


class CodecFailedError(SealError):
    """A frame could not be coded or decoded; other frames are not touched by it."""


class UnidentifiedError(SealError):
    """A data set that does not say who it is; nothing was sealed."""


class TruncatedError(SealError):
    """A data set that ends inside an element or an open sequence; nothing was sealed."""
