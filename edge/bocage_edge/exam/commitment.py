"""What a request for storage commitment comes to, one instance at a time. Pure.

Committed is said only of what the partner has signed for as delivered, in every content that came
under this SOP Instance UID; a failure costs the asker a copy kept or sent again, a false success
may cost the exam. What is on its way is neither: the request waits.

Source: PS3.4 J.3.3; PS3.3 C.14.1.1 (Failure Reason).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

# PS3.3 C.14.1.1, Failure Reason (0008,1197); 0 is ours: none.
COMMITTED = 0x0000
PROCESSING_FAILURE = 0x0110
NO_SUCH_OBJECT_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119
RESOURCE_LIMITATION = 0x0213
DUPLICATE_TRANSACTION_UID = 0x0131


class Stand(IntEnum):
    """Where an object that carries the instance stands; the better, the higher."""

    GONE = 0  # given up by an operator, or damaged: nobody will get it
    REFUSED = 1  # by the other side, until somebody acts
    ON_THE_WAY = 2
    DELIVERED = 3  # by a verified entry of the partner's ledger; its station vouches for it too


@dataclass(frozen=True, slots=True)
class Carrier:
    """One object that carries the instance.

    Args:
        content: digest of what it holds, whatever the transfer syntax where that is known; two
            objects with the same one are the same content sent twice.
        class_key: keyed hash of its SOP class; empty: not known, of an older release.
    """

    content: str
    class_key: str
    stand: Stand


def verdict(
    class_key: str, carriers: Iterable[Carrier], *, waited_s: float, unknown_after_s: float
) -> int | None:
    """Say what became of one instance.

    Args:
        class_key: keyed hash of the SOP class the request names.
        carriers: every object of the link with this SOP Instance UID.
        waited_s: since the request came; it may have overtaken the instance.
        unknown_after_s: an instance that is not here by then is said to be unknown.

    Returns:
        COMMITTED, a Failure Reason, or None: not decided yet.
    """
    best: dict[str, Stand] = {}
    for each in carriers:
        if each.class_key and each.class_key != class_key:
            return CLASS_INSTANCE_CONFLICT
        best[each.content] = max(best.get(each.content, Stand.GONE), each.stand)
    if not best:
        return NO_SUCH_OBJECT_INSTANCE if waited_s >= unknown_after_s else None
    if Stand.ON_THE_WAY in best.values():
        return None
    if all(stand is Stand.DELIVERED for stand in best.values()):
        return COMMITTED
    return PROCESSING_FAILURE


# When a request that waits is looked at again: it is a walk over all its instances.
_LOOK_EVERY_S = ((600.0, 2.0), (86_400.0, 30.0))
_LOOK_SELDOM_S = 300.0


def look_again_s(waited_s: float) -> float:
    """Seconds until a request that waits is worth another look."""
    return next((pause for until, pause in _LOOK_EVERY_S if waited_s < until), _LOOK_SELDOM_S)
