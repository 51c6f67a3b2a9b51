"""The box's own tunnel keys: made by `wg`, kept 0600, never in an argument list or a log."""

from __future__ import annotations

from pathlib import Path

from bocage_system.command import Host
from bocage_system.durable import read_limited, write_atomic

_KEY_FILE_LIMIT_BYTES = 256


def make_tunnel_key(host: Host, path: Path) -> str:
    """Make a private key of the tunnel where there is none, and give its public key.

    The private key goes from `wg genkey` into the file (0600) and is in no argument list.

    Raises:
        CommandError: wireguard-tools are missing.
        OSError: the file could not be written.
    """
    if not path.exists():
        private = host.run(["wg", "genkey"]).strip()
        write_atomic(path, f"{private}\n".encode(), mode=0o600)
    return read_public_key(host, path)


def read_public_key(host: Host, path: Path) -> str:
    """Give the public key that belongs to a private key file."""
    private = read_limited(path, _KEY_FILE_LIMIT_BYTES).decode("ascii")
    return host.run(["wg", "pubkey"], stdin=private).strip()
