"""Unlocking: the opening key leaves its wrapping and lies in memory until the power goes."""

from __future__ import annotations

import os

from bocage_contract.ledger import box_chain, draft
from bocage_edge.configuration import load_card
from bocage_edge.deliver.unlocking import keep_opening_key
from bocage_edge.errors import ConfigError, SealError
from bocage_edge.keeper.client import Keeper
from bocage_edge.paths import Box
from bocage_edge.seal.keys import recipient_of, unwrap
from bocage_system.durable import read_limited
from bocage_system.kick import ring
from bocage_system.mounts import is_in_memory

_MAX_WRAPPED_BYTES = 64 << 10


def unlock(box: Box, code: str, now: float) -> None:
    """Open the wrapped opening key with the site's paper code and hand it to deliver.

    Args:
        code: as typed; case and separators do not matter.
        now: Unix seconds, for the ledger.

    Raises:
        SealError: the code is wrong, or the key is not the card's.
        ConfigError: the run folder is not in memory, or the box has no keys.
        KeeperError: the keeper is not there to write it down; the box stays locked.
    """
    _see_that_it_is_in_memory(box)
    own = load_card(box)
    secret = unwrap(read_limited(box.opening_wrapped, _MAX_WRAPPED_BYTES), code)
    if recipient_of(secret) != own.opening:
        raise SealError("the unwrapped key is not the one on the box's card")
    _hold(box, own.device, secret, "paper code", now)


def unlock_with_recovery(box: Box, secret: str, now: float) -> None:
    """Let deliver open what was sealed to a box that stood here before, until the power goes.

    Everything that is sent to a site is sealed to its recovery key as well, so the key that was
    printed with the former box opens what was on the way to it when it broke.

    Args:
        secret: the recovery key as printed, AGE-SECRET-KEY-1...
        now: Unix seconds, for the ledger.

    Raises:
        SealError: mistyped; the message holds none of it.
        ConfigError: the run folder is not in memory, or the box has no keys.
        KeeperError: the keeper is not there to write it down; nothing changed.
    """
    _hold(box, load_card(box).device, _recovery_key(secret), "recovery key", now)


def _recovery_key(typed: str) -> str:
    secret = "".join(typed.split()).upper()
    recipient_of(secret)
    return secret


def _hold(box: Box, device: str, secret: str, by: str, now: float) -> None:
    """Put a key beside those that lie in memory, and tell deliver."""
    _see_that_it_is_in_memory(box)
    _write_down(box, device, by, now)
    owner = os.stat(box.opening_dir)
    keep_opening_key(box.opening_key, secret)
    os.chown(box.opening_key, owner.st_uid, owner.st_gid)
    ring(box.doorbell("deliver"))


def _see_that_it_is_in_memory(box: Box) -> None:
    if not is_in_memory(box.opening_dir):
        raise ConfigError(
            f"{box.opening_dir} is on a disk: the opening key may only lie in memory",
            "mount a tmpfs there",
        )


def _write_down(box: Box, device: str, by: str, now: float) -> None:
    entry = draft("unlocked", now, by=by)
    Keeper(box.keeper_socket).append(
        "admin", [(f"unlock-{int(now * 1000)}", box_chain(device), entry)]
    )
