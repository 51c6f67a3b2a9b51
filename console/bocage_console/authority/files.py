"""The authority's files, and the certificates of the console's own processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from bocage_console.authority.certificates import (
    Authority,
    Role,
    key_pem,
    make_authority,
    pem_of,
    read_authority,
)
from bocage_console.errors import ConflictError, ConsoleError
from bocage_console.folder import Folder
from bocage_system.durable import write_atomic

_RENEW_BEFORE_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """Where a process finds what it speaks TLS with."""

    key: Path
    certificate: Path
    authority: Path


def found_authority(folder: Folder, now: float) -> Authority:
    """Make the console's authority; it is made once.

    Raises:
        ConflictError: there is one already.
    """
    if folder.authority.exists():
        raise ConflictError("the console has its authority already", "it is never made anew")
    authority = make_authority(now)
    folder.authority.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    write_atomic(folder.authority_key, key_pem(authority.key))
    write_atomic(folder.authority, authority.pem.encode(), mode=0o644)
    return authority


def load_authority(folder: Folder) -> Authority:
    """Read the console's authority.

    Raises:
        ConsoleError: it is missing or damaged.
    """
    try:
        return read_authority(folder.authority_key.read_bytes(), folder.authority.read_bytes())
    except FileNotFoundError:
        raise ConsoleError(
            "the console has no authority yet", "run: bocage-console setup"
        ) from None


def session_files(
    folder: Folder, name: str, role: Role, now: float, *, reached_at: Sequence[str] = ()
) -> SessionFiles:
    """Give a process of ours its certificate; a new key and certificate where it is due.

    Raises:
        ConsoleError: the authority is missing or damaged.
    """
    files = SessionFiles(folder.session_key(name), folder.session(name), folder.authority)
    if _is_good(files.certificate, now, reached_at):
        return files
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = load_authority(folder).issue(
        key.public_key(), name, role, now, reached_at=reached_at
    )
    files.key.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    write_atomic(files.key, key_pem(key))
    write_atomic(files.certificate, pem_of(certificate).encode(), mode=0o644)
    return files


def _is_good(path: Path, now: float, reached_at: Sequence[str]) -> bool:
    try:
        held = x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    if held.not_valid_after_utc.timestamp() < now + _RENEW_BEFORE_S:
        return False
    return set(reached_at) <= _reached_at(held)


def _reached_at(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(each.value) for each in names}
