"""Certificates of boxes and of the console's own processes.

A box's certificate does not expire: what ends it is fencing, for a box without a clock must not
lock itself out. The authority signs nothing but these, and is pinned by the enrolment code.

Source: RFC 5280 (4.1.2.5: 99991231235959Z means no end that is known), RFC 9525.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bocage_console.errors import ConsoleError

NO_END = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
_SERVER_DAYS = 397  # what browsers accept; renewed by whoever starts the process
_BACK = datetime.timedelta(days=1)  # a clock that is a little behind sees a valid certificate

SessionPublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class Role(Enum):
    """Which end of a TLS session a certificate is for."""

    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
    SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority's key and certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """The certificate, PEM."""
        return pem_of(self.certificate)

    @property
    def spki(self) -> bytes:
        """What an enrolment code pins: SubjectPublicKeyInfo, DER."""
        return spki_of(self.key.public_key())

    def issue(
        self,
        public_key: SessionPublicKey,
        name: str,
        role: Role,
        now: float,
        *,
        reached_at: Sequence[str] = (),
    ) -> x509.Certificate:
        """Vouch for a key.

        Args:
            name: common name; the broker takes it as user name.
            now: Unix seconds.
            reached_at: host names and addresses of a server.
        """
        begin = datetime.datetime.fromtimestamp(now, datetime.UTC)
        is_server = role is Role.SERVER
        end = begin + datetime.timedelta(days=_SERVER_DAYS) if is_server else NO_END
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin - _BACK)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([role.value]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        if reached_at:
            names = x509.SubjectAlternativeName([_general_name(each) for each in reached_at])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def make_authority(now: float) -> Authority:
    """Make a new authority.

    Args:
        now: Unix seconds.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    begin = datetime.datetime.fromtimestamp(now, datetime.UTC)
    subject = _name("Bocage console authority")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _BACK)
        .not_valid_after(NO_END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS_ONLY, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def read_authority(key: bytes, certificate: bytes) -> Authority:
    """Read an authority from its two PEM files.

    Raises:
        ConsoleError: they are damaged, or do not belong together.
    """
    try:
        private = load_pem_private_key(key, password=None)
        found = x509.load_pem_x509_certificate(certificate)
    except (ValueError, TypeError):
        raise ConsoleError(
            "the authority's files are damaged", "restore them from a backup"
        ) from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or found.public_key() != (
        private.public_key()
    ):
        raise ConsoleError("the authority's key is not that of its certificate")
    return Authority(private, found)


def read_request(pem: str) -> SessionPublicKey:
    """Give the key a certificate is asked for; the request's own signature proves its possession.

    Nothing else of the request is believed: name and usage are the console's to say.

    Raises:
        ConsoleError: no such request, a weak key, or not signed by the key it names.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        is_signed = request.is_signature_valid
    except (ValueError, TypeError, InvalidSignature):
        raise ConsoleError("the certificate request cannot be read") from None
    if not is_signed:
        raise ConsoleError("the certificate request is not signed by its own key")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise ConsoleError("a box's session key is Ed25519")


def pem_of(certificate: x509.Certificate) -> str:
    """Write a certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as PEM, unencrypted: the file's mode guards it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def spki_of(key: SessionPublicKey) -> bytes:
    """Write a public key as SubjectPublicKeyInfo, DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(key: SessionPublicKey) -> str:
    """Name a session key: 64 hex digits."""
    return hashlib.sha256(spki_of(key)).hexdigest()


_SIGNS_ONLY = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
