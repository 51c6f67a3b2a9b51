"""Does one identity live twice? Told by counters that diverge, never by a take-over alone. Pure."""

from __future__ import annotations

from bocage_contract.fleet.presence import Status


def is_doubled(before: Status | None, now: Status) -> bool:
    """Say whether a birth cannot be of the box that spoke before.

    A box counts its sessions over restarts. A number that was told already, from another start, or
    a smaller one, or an outbox of an earlier epoch: a copy of the card lives, or an older image was
    put back. A message that merely came twice is the same in all of it.
    """
    if before is None or not now.online:
        return False
    if now.session < before.session or now.outbox_epoch < before.outbox_epoch:
        return True
    return now.session == before.session and now.boot != before.boot
