from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bocage_console.authority.certificates import (
    NO_END,
    Role,
    key_pem,
    make_authority,
    read_authority,
    read_request,
    spki_sha256,
)
from bocage_console.errors import ConsoleError
from bocage_contract.fleet.enrolment import EnrolmentCode, pin_of

NOW = 1_795_000_000.0
AUTHORITY = make_authority(NOW)


def request(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody-else")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    signed = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
    return signed.public_bytes(Encoding.PEM).decode()


def test_a_boxs_certificate_never_expires_and_bears_the_name_we_say() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    found = AUTHORITY.issue(read_request(request(key)), "flers-1", Role.CLIENT, NOW)
    assert found.not_valid_after_utc == NO_END
    assert found.subject.rfc4514_string() == "CN=flers-1"
    found.verify_directly_issued_by(AUTHORITY.certificate)
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [Role.CLIENT.value]
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca


def test_a_server_is_known_by_names_and_addresses() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = ("console.example", "192.0.2.1", "2001:db8::1")
    found = AUTHORITY.issue(key.public_key(), "broker", Role.SERVER, NOW, reached_at=names)
    held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(each.value) for each in held} == set(names)


def test_a_request_that_another_key_signed_is_refused() -> None:
    pem = request(ed25519.Ed25519PrivateKey.generate())
    other = request(ed25519.Ed25519PrivateKey.generate())
    mixed = pem[:120] + other[120:]
    with pytest.raises(ConsoleError):
        read_request(mixed)


@pytest.mark.parametrize("pem", ["", "-----BEGIN CERTIFICATE REQUEST-----\n", "é"])
def test_what_is_no_request_is_refused(pem: str) -> None:
    with pytest.raises(ConsoleError):
        read_request(pem)


def test_a_box_brings_a_key_of_the_agreed_kind() -> None:
    with pytest.raises(ConsoleError):
        read_request(request(ec.generate_private_key(ec.SECP256R1())))


def test_the_authority_is_read_back_and_mixed_up_files_are_told() -> None:
    key, certificate = key_pem(AUTHORITY.key), AUTHORITY.pem.encode()
    assert read_authority(key, certificate).spki == AUTHORITY.spki
    other = make_authority(NOW)
    with pytest.raises(ConsoleError):
        read_authority(key_pem(other.key), certificate)
    with pytest.raises(ConsoleError):
        read_authority(key[:40], certificate)


def test_an_enrolment_code_pins_the_authority() -> None:
    code = EnrolmentCode(1, pin_of(AUTHORITY.spki))
    assert code.pins(AUTHORITY.spki)
    assert not code.pins(make_authority(NOW).spki)
    assert len(spki_sha256(ed25519.Ed25519PrivateKey.generate().public_key())) == 64
