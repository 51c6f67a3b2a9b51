"""Where everything of a console lies: every path is derived from one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one console, usually /var/lib/bocage-console; each file has one writer."""

    root: Path

    @property
    def database_url(self) -> Path:
        """Text file with the database's URL; without it, SQLite beside it."""
        return self.root / "database.url"

    @property
    def sqlite(self) -> Path:
        """The embedded database."""
        return self.root / "console.db"

    @property
    def authority_key(self) -> Path:
        """Private key of the certification authority, PEM."""
        return self.root / "authority" / "authority.key"

    @property
    def authority(self) -> Path:
        """Certificate of the authority, PEM."""
        return self.root / "authority" / "authority.pem"

    def session_key(self, name: str) -> Path:
        """Private key with which one of the console's own processes speaks TLS, PEM."""
        return self.root / "sessions" / f"{name}.key"

    def session(self, name: str) -> Path:
        """Certificate to it, PEM."""
        return self.root / "sessions" / f"{name}.pem"

    @property
    def broker(self) -> Path:
        """The broker's folder: configuration, access list, and what it keeps over a restart."""
        return self.root / "broker"

    @property
    def signer(self) -> Path:
        """The signer's folder; on another host where the signer is."""
        return self.root / "signer"

    @property
    def keyset(self) -> Path:
        """The keyset in force, exact bytes as the roots signed them."""
        return self.root / "keyset.json"
