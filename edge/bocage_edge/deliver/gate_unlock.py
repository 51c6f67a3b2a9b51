"""Unlocking by what the console's gate gave: the agent brings the secret, only deliver can use it.

The agent speaks with the world and cannot read the wrapped key; deliver holds the wrapped key and
speaks with nobody outside the site. Between them the secret lies in memory for a moment.
"""

from __future__ import annotations

import base64
import contextlib
from dataclasses import dataclass

from bocage_contract.ledger import EntryDraft, draft
from bocage_edge.deliver.unlocking import keep_opening_key
from bocage_edge.errors import SealError
from bocage_edge.paths import Box
from bocage_edge.seal.keys import unwrap_by_gate
from bocage_system import logs
from bocage_system.durable import read_limited
from bocage_system.mounts import is_in_memory

_MAX_SECRET_BYTES = 128
_MAX_WRAPPED_BYTES = 64 << 10
LOG = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Brought:
    """What the agent brought, used up.

    Args:
        entry: for the ledger; None: it opened nothing.
        fault: why, in words; empty: it did.
    """

    entry: EntryDraft | None
    fault: str = ""


def take_gate_secret(box: Box, now: float) -> Brought | None:
    """Use a secret that the agent brought, once; None: there is none.

    Args:
        now: Unix seconds.
    """
    try:
        raw = read_limited(box.gate_secret, _MAX_SECRET_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return _given_up(box, f"the gate's secret cannot be read ({type(error).__name__})")
    if not is_in_memory(box.opening_dir):
        return _given_up(box, "the folder of the opening key is not in memory (tmpfs)")
    try:
        wrapped = read_limited(box.opening_wrapped, _MAX_WRAPPED_BYTES)
        opening = unwrap_by_gate(wrapped, base64.b64decode(raw, validate=True))
        keep_opening_key(box.opening_key, opening)
    except SealError as error:
        return _given_up(box, error.message)
    except (OSError, ValueError) as error:
        return _given_up(box, f"the box could not be unlocked ({type(error).__name__})")
    _forget(box)
    LOG.info("unlocked by the gate")
    return Brought(draft("unlocked", now, by="gate"))


def take_lock_wish(box: Box, now: float) -> EntryDraft | None:
    """Forget the opening key, where the console wants the box locked; None: it does not.

    Args:
        now: Unix seconds.
    """
    if not box.lock_wish.exists():
        return None
    with contextlib.suppress(FileNotFoundError):
        box.opening_key.unlink()
    with contextlib.suppress(FileNotFoundError):
        box.lock_wish.unlink()
    return draft("locked", now, by="console")


def _given_up(box: Box, fault: str) -> Brought:
    _forget(box)
    LOG.warning("not unlocked by the gate", reason=fault)
    return Brought(None, fault)


def _forget(box: Box) -> None:
    with contextlib.suppress(FileNotFoundError):
        box.gate_secret.unlink()
