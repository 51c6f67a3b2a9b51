"""The signer's key: 32 raw bytes in base64, in a file that only its user can read."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_console.errors import ConflictError, ConsoleError
from bocage_system.durable import read_limited, write_atomic

_FILE_BYTES = 256


def make_key(path: Path) -> Ed25519PrivateKey:
    """Make a key.

    Raises:
        ConflictError: there is one; keys are never overwritten.
    """
    if path.exists():
        raise ConflictError(f"{path} exists already", "keys are never overwritten")
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    write_atomic(path, base64.b64encode(key.private_bytes_raw()) + b"\n")
    return key


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a key.

    Raises:
        ConsoleError: there is none, it is damaged, or others can read it.
    """
    try:
        if os.stat(path).st_mode & 0o077:
            raise ConsoleError(f"{path} can be read by others", f"chmod 600 {path}")
        raw = base64.b64decode(read_limited(path, _FILE_BYTES), validate=False)
        return Ed25519PrivateKey.from_private_bytes(raw)
    except FileNotFoundError:
        raise ConsoleError(f"there is no key in {path}", "see: bocage-console root") from None
    except ValueError:
        raise ConsoleError(f"{path} is no key of ours", "restore it from a backup") from None


def public_text(key: Ed25519PrivateKey) -> str:
    """Write the public half in base64."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()
