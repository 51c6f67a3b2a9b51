"""Which SOP classes are named where only closed sets of words may stand. Pure.

Source: PS3.6 Annex A.
"""

from __future__ import annotations

from pydicom.config import IGNORE
from pydicom.uid import UID

PRIVATE = "private"


def named_sop_class(uid: str) -> str:
    """Give the UID of a SOP class of the standard; any other one is `private`."""
    return uid if UID(uid, IGNORE).type == "SOP Class" else PRIVATE
