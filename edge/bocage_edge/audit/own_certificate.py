"""The certificate a box shows to an audit repository that wants one, and its key in one PEM file.

A key of its own: the box's identity signs in the keeper only, where TLS cannot ask for it. Whoever
steals it may send messages in the box's name to that repository, and read none.

Source: RFC 5425 section 4.2.1 (client certificates); RFC 5280 section 4.1.2.5 (no end).
"""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NO_END = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
# Before any clock without a battery: what counts is that the repository knows the certificate.
_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_MARK = b"-----BEGIN CERTIFICATE-----"


def make_own_certificate(device: str) -> bytes:
    """Make a key and a certificate signed with it, made out to the device.

    Returns:
        PEM: the key, then the certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(NO_END)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(device)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


def public_part(pem: bytes) -> str:
    """Give the certificate of such a file, without its key.

    Raises:
        ValueError: there is none in it.
    """
    return (
        x509.load_pem_x509_certificate(pem[pem.index(_MARK) :])
        .public_bytes(serialization.Encoding.PEM)
        .decode("ascii")
    )
