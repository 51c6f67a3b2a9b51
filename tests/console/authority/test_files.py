from __future__ import annotations

import pytest
from cryptography import x509

from bocage_console.authority.certificates import Role
from bocage_console.authority.files import found_authority, session_files
from bocage_console.errors import ConflictError
from bocage_console.folder import Folder
from tests.console.conftest import NOW

YEAR_S = 365 * 86_400.0


def test_the_authority_is_made_once(folder: Folder) -> None:
    with pytest.raises(ConflictError):
        found_authority(folder, NOW)


def test_private_keys_are_their_owners_alone(folder: Folder) -> None:
    files = session_files(folder, "broker", Role.SERVER, NOW, reached_at=("localhost",))
    for path in (folder.authority_key, files.key):
        assert path.stat().st_mode & 0o077 == 0


def test_a_certificate_is_renewed_before_it_ends(folder: Folder) -> None:
    def serial(now: float, *names: str) -> int:
        files = session_files(folder, "broker", Role.SERVER, now, reached_at=names)
        return x509.load_pem_x509_certificate(files.certificate.read_bytes()).serial_number

    first = serial(NOW, "localhost")
    assert serial(NOW + 86_400, "localhost") == first
    renewed = serial(NOW + YEAR_S + 30 * 86_400, "localhost")
    assert renewed != first
    assert serial(NOW + YEAR_S + 31 * 86_400, "localhost", "192.0.2.1") != renewed
