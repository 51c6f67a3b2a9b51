"""The certificate the box shows: its own, without an end, printed without its key."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from bocage_edge.audit.collector import tls_context
from bocage_edge.audit.own_certificate import NO_END, make_own_certificate, public_part
from tests.fakes.collector import credentials


def test_what_is_printed_is_the_certificate_alone(tmp_path: Path) -> None:
    pem = make_own_certificate("flers-1")
    printed = public_part(pem)
    assert "PRIVATE" not in printed
    found = x509.load_pem_x509_certificate(printed.encode())
    assert found.subject.rfc4514_string() == "CN=flers-1"
    assert found.not_valid_after_utc == NO_END
    file = tmp_path / "audit.pem"
    file.write_bytes(pem)
    tls_context(credentials().certificate, file)  # TLS can use it


def test_another_box_has_another_key() -> None:
    assert make_own_certificate("flers-1") != make_own_certificate("flers-1")


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_none_is_said(damage: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        public_part(damage)
