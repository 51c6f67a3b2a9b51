"""The keyset in force on the console, exact bytes as the roots signed them."""

from __future__ import annotations

from bocage_console.errors import ConsoleError
from bocage_console.folder import Folder
from bocage_contract.fleet.keyset import Keyset, read_first_keyset, read_next_keyset
from bocage_contract.signing import MAX_ENVELOPE_BYTES
from bocage_system.durable import read_limited, write_atomic


def held_keyset(folder: Folder) -> bytes | None:
    """Give the keyset in force; None: there is none yet."""
    try:
        return read_limited(folder.keyset, MAX_ENVELOPE_BYTES)
    except FileNotFoundError:
        return None


def need_keyset(folder: Folder) -> bytes:
    """Give the keyset in force.

    Raises:
        ConsoleError: there is none yet.
    """
    found = held_keyset(folder)
    if found is None:
        raise ConsoleError("the fleet has no keyset yet", "see: bocage-console root")
    return found


def install_keyset(folder: Folder, raw: bytes) -> Keyset:
    """Put a keyset in force; the same again changes nothing.

    Raises:
        SignatureError, MessageError, OlderKeysetError: a box would refuse it, so we do.
    """
    held = held_keyset(folder)
    if held == raw:
        return read_first_keyset(raw)
    keyset = read_first_keyset(raw) if held is None else read_next_keyset(
        raw, read_first_keyset(held)
    )  # fmt: skip
    write_atomic(folder.keyset, raw, mode=0o644)
    return keyset
