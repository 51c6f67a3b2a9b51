"""The door to the site's audit repository: syslog over TLS.

Syslog acknowledges nothing, so the end of a connection is made to stand for it: everything is
written, we say that we end (close_notify, FIN), and only if the collector then ends in good order
too has it taken all that was before. A reset, an alert, silence, or an end of its own before ours
means that nobody knows, and everything of the connection is sent again.

Source: RFC 5425 section 4.4; RFC 8446 section 6.1; RFC 9293 section 3.6 (a close with unread data
is a reset).
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bocage_contract.audit import AuditRepository

RECEIVE_BYTES = 16 * 1024
HEARD_BYTES = 256 * 1024  # a handshake, tickets and an end have room in it; nothing else may come
WRITE_BYTES = 64 * 1024

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CollectorTimeouts:
    """Seconds for each step."""

    connect_s: float = 10.0
    io_s: float = 30.0


class CollectorError(Exception):
    """The collector may not have what was sent; the text is ours and may be shown."""


def send_to_collector(
    repository: AuditRepository,
    frames: Iterable[bytes],
    timeouts: CollectorTimeouts,
    own_certificate: Path | None = None,
) -> None:
    """Send frames over one connection; once this returns, the collector has read them all.

    Args:
        own_certificate: PEM file of our certificate and its key, to show if asked.

    Raises:
        CollectorError: it is not there, is not the pinned one, or did not end in good order.
    """
    context = tls_context(repository.certificates, own_certificate)
    try:
        with socket.create_connection(
            (repository.host, repository.port), timeout=timeouts.connect_s
        ) as raw:
            raw.settimeout(timeouts.io_s)
            session = _Session(raw, context, repository.server_name)
            session.shake_hands(repository)
            session.write_all(frames)
            session.end()
    except CollectorError:
        raise
    except ssl.SSLCertVerificationError:
        raise CollectorError("its certificate is not the one in the configuration") from None
    except ssl.SSLError as error:
        raise CollectorError(f"TLS failed: {error.reason or type(error).__name__}") from None
    except TimeoutError:
        raise CollectorError("it does not answer in time") from None
    except OSError as error:
        raise CollectorError(f"the connection failed ({type(error).__name__})") from None


def tls_context(certificates: str, own_certificate: Path | None = None) -> ssl.SSLContext:
    """Trust what is pinned and nothing else; TLS 1.2 or later (RFC 5425 section 4.2, RFC 8996).

    Raises:
        CollectorError: what is pinned is no certificate, or ours cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Names are looked at where the configuration gives one; else the very certificate is compared.
    context.check_hostname = False
    # A pinned certificate need not be an authority's.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=certificates)
        if own_certificate is not None:
            context.load_cert_chain(own_certificate)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CollectorError(f"a certificate cannot be read ({type(error).__name__})") from None
    return context


class _EndedError(Exception):
    """The collector ended its side."""


class _Session:
    """TLS over a socket by hand, so that every way of ending can be told from the others."""

    def __init__(
        self, raw: socket.socket, context: ssl.SSLContext, server_name: str | None
    ) -> None:
        self._raw = raw
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._heard_bytes = 0
        context.check_hostname = server_name is not None
        self._tls = context.wrap_bio(self._came, self._goes, server_hostname=server_name)

    def shake_hands(self, repository: AuditRepository) -> None:
        """Do the handshake, and compare the certificate where no name is looked at."""
        try:
            self._run(self._tls.do_handshake)
        except _EndedError:
            raise CollectorError("it ended the connection during the handshake") from None
        if repository.server_name is not None:
            return
        shown = self._tls.getpeercert(binary_form=True) or b""
        if hashlib.sha256(shown).digest() not in pinned_digests(repository.certificates):
            raise CollectorError("its certificate is not the one in the configuration")

    def write_all(self, frames: Iterable[bytes]) -> None:
        """Write everything."""
        held = bytearray()
        for frame in frames:
            held += frame
            if len(held) >= WRITE_BYTES:
                self._write(bytes(held))
                held.clear()
        if held:
            self._write(bytes(held))

    def end(self) -> None:
        """End in good order, and see that the collector does."""
        self._see_that_it_is_there()
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()
        self._raw.shutdown(socket.SHUT_WR)
        end_at = time.monotonic() + (self._raw.gettimeout() or 0.0)
        while self._hear():
            if time.monotonic() > end_at:
                raise TimeoutError
            # An alert that it did not like something comes out of here as an error.
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()

    def _write(self, data: bytes) -> None:
        try:
            self._run(lambda: self._tls.write(data))
        except _EndedError:
            raise CollectorError("it ended the connection before we did") from None

    def _see_that_it_is_there(self) -> None:
        """Look at what has come; an end that has come before ours proves nothing.

        Raises:
            CollectorError: it has ended.
        """
        timeout_s = self._raw.gettimeout()
        self._raw.setblocking(False)
        try:
            while self._hear():
                pass
            raise CollectorError("it ended the connection before we did")
        except BlockingIOError:
            pass
        finally:
            self._raw.settimeout(timeout_s)
        try:
            if self._tls.read(1):
                raise CollectorError("it talks, where a collector only listens")
        except ssl.SSLWantReadError:
            return
        except ssl.SSLZeroReturnError:
            pass
        raise CollectorError("it ended the connection before we did")

    def _run(self, act: Callable[[], Result]) -> Result:
        while True:
            try:
                result = act()
            except ssl.SSLWantReadError:
                self._flush()
                if not self._hear():
                    raise _EndedError from None
                continue
            except ssl.SSLError:
                # Our own alert tells the other side why.
                with contextlib.suppress(OSError):
                    self._flush()
                raise
            self._flush()
            return result

    def _hear(self) -> bool:
        """Take what has come; False where the other side has ended.

        Raises:
            CollectorError: it has said more than a collector has to say.
        """
        data = self._raw.recv(RECEIVE_BYTES)
        self._heard_bytes += len(data)
        if self._heard_bytes > HEARD_BYTES:
            raise CollectorError("it talks, where a collector only listens")
        self._came.write(data)
        return bool(data)

    def _flush(self) -> None:
        if data := self._goes.read():
            self._raw.sendall(data)


def pinned_digests(certificates: str) -> frozenset[bytes]:
    """Give the SHA-256 of each certificate in a PEM text.

    Raises:
        CollectorError: one of them is none.
    """
    mark = "-----BEGIN CERTIFICATE-----"
    parts = [mark + part for part in certificates.split(mark)[1:]]
    try:
        return frozenset(
            hashlib.sha256(ssl.PEM_cert_to_DER_cert(part.strip())).digest() for part in parts
        )
    except ValueError:
        raise CollectorError("a certificate of the configuration cannot be read") from None
