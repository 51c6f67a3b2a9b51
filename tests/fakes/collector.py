"""A syslog collector over TLS that keeps what it reads, and can misbehave in the known ways.

It reads octet-counted frames (RFC 5425 section 4.3) and nothing else: a fault in one ends the test.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import socket
import ssl
import struct
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bocage_contract.audit import AuditRepository

WAIT_S = 30.0
_HEADER = re.compile(
    rb"<(8[2-5])>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([!-~]+) ([!-~]+) - ([!-~]+)"
    rb' \[meta sequenceId="(\d+)"\] \xef\xbb\xbf(.*)',
    re.DOTALL,
)
_LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_FAR_AHEAD = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A self-signed certificate and its key, PEM."""

    certificate: str
    key: str


def credentials(name: str = "audit.hospital.example") -> Credentials:
    """Make a certificate for a name, and for loopback."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName(
        [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_LONG_AGO)
        .not_valid_after(_FAR_AHEAD)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Credentials(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came."""

    priority: int
    stamp: str
    device: str
    application: str
    message_id: str
    number: int
    xml: bytes


def parse(raw: bytes) -> Message:
    """Take a message apart.

    Raises:
        ValueError: its header is not that of RFC 5424 as we write it.
    """
    found = _HEADER.fullmatch(raw)
    if found is None:
        raise ValueError(f"no syslog message: {raw[:120]!r}")
    priority, stamp, device, application, message_id, number, xml = found.groups()
    return Message(
        int(priority),
        stamp.decode(),
        device.decode(),
        application.decode(),
        message_id.decode(),
        int(number),
        xml,
    )


class FakeCollector:
    """Listens on loopback. Use as a context manager.

    Args of the constructor:
        reset_after: end every connection with a reset after so many messages; None: never.
        leave_after: end every connection in good order, but before its sender does.
        is_silent: read everything, and never end.
        is_deaf: accept connections, and read nothing.
        says_bytes: that a collector has no reason to say, after the handshake.
        client: whose certificate must be shown.
    """

    def __init__(
        self,
        *,
        shows: Credentials | None = None,
        port: int = 0,
        reset_after: int | None = None,
        leave_after: int | None = None,
        is_silent: bool = False,
        is_deaf: bool = False,
        says_bytes: int = 0,
        client: str | None = None,
        version: ssl.TLSVersion | None = None,
    ) -> None:
        self.shows = shows or credentials()
        self.reset_after, self.leave_after = reset_after, leave_after
        self.is_silent, self.is_deaf, self.says_bytes = is_silent, is_deaf, says_bytes
        self.messages: list[Message] = []
        self.connections = 0
        self.faults: list[str] = []
        self._came = threading.Condition()
        self._context = _server_context(self.shows, client, version)
        self._server = socket.create_server(("127.0.0.1", port))
        self.port: int = self._server.getsockname()[1]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> FakeCollector:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(WAIT_S)
        assert self.faults == []

    def repository(self, **changes: Any) -> AuditRepository:
        """Write the configuration of a box that sends to it."""
        return AuditRepository.model_validate(
            {
                "host": "127.0.0.1",
                "port": self.port,
                "certificates": self.shows.certificate,
                "source_id": "bocage-flers",
                **changes,
            }
        )

    def numbers(self) -> list[int]:
        """Give the numbers of the messages in the order they came."""
        with self._came:
            return [each.number for each in self.messages]

    def wait_for(self, count: int) -> list[Message]:
        """Wait until so many messages have come, with those that came twice."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.messages) >= count, WAIT_S), len(
                self.messages
            )
            return list(self.messages)

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                raw, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with raw:
                raw.settimeout(WAIT_S)
                with contextlib.suppress(OSError):
                    self._talk(raw)

    def _talk(self, raw: socket.socket) -> None:
        if self.is_deaf:
            self._over.wait(WAIT_S)
            return
        with self._context.wrap_socket(raw, server_side=True) as tls:
            tls.sendall(bytes(self.says_bytes))
            count = 0
            stream = tls.makefile("rb")
            while (message := self._read(stream)) is not None:
                count += 1
                with self._came:
                    self.messages.append(message)
                    self._came.notify_all()
                if count == self.reset_after:
                    # SO_LINGER 0: the close is a reset (socket(7)).
                    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if count == self.leave_after:
                    return
            if self.is_silent:
                self._over.wait(WAIT_S)

    def _read(self, stream: Any) -> Message | None:
        length = b""
        while (byte := stream.read(1)) != b" ":
            if not byte:
                if length:
                    self.faults.append("cut within a length")
                return None
            length += byte
        raw = stream.read(int(length))
        if len(raw) < int(length):
            return None  # cut within a message: not taken
        try:
            return parse(raw)
        except ValueError as error:
            self.faults.append(str(error))
            return None


def _server_context(
    shows: Credentials, client: str | None, version: ssl.TLSVersion | None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version is not None:
        context.maximum_version = version
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_text(shows.certificate + shows.key)
        context.load_cert_chain(file)
    if client is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=client)
    return context
