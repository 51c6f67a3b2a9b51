"""Serving the gate: gunicorn, TLS 1.3, and the peer's certificate where the application looks."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from bocage_console.authority.files import SessionFiles
from bocage_console.gate.app import CERTIFICATE

_THREADS = 8

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def with_certificate(application: Wsgi) -> Wsgi:
    """Put the certificate of the TLS session into the environment; whatever stood there goes."""

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        environ[CERTIFICATE] = ""
        connection = environ.get("gunicorn.socket")
        if isinstance(connection, ssl.SSLSocket):
            shown = connection.getpeercert(binary_form=True)
            if shown:
                environ[CERTIFICATE] = ssl.DER_cert_to_PEM_cert(shown)
        return application(environ, start)

    return answer


class GateServer(BaseApplication):  # type: ignore[misc]
    """Gunicorn with one worker: what it remembers of tries is in that worker's memory."""

    def __init__(
        self, make_app: Callable[[], Flask], address: str, port: int, files: SessionFiles
    ) -> None:
        """Hold what it needs; nothing listens before `run`.

        Args:
            make_app: called in the worker, after the fork.
        """
        self._make_app = make_app
        self._bind = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self._files = files
        super().__init__()

    def load_config(self) -> None:
        """Say how it is served."""
        for key, value in {
            "bind": self._bind,
            "workers": 1,
            "threads": _THREADS,
            "worker_class": "gthread",
            "keyfile": str(self._files.key),
            "certfile": str(self._files.certificate),
            "ca_certs": str(self._files.authority),
            "cert_reqs": ssl.CERT_OPTIONAL,  # a new box has none yet
            "ssl_context": _tls13,
            "limit_request_line": 1024,
            "limit_request_fields": 32,
            "limit_request_field_size": 4096,
            "timeout": 30,
            "graceful_timeout": 10,
            "keepalive": 5,
            "loglevel": "error",
        }.items():
            self.cfg.set(key, value)

    def load(self) -> Wsgi:
        """Make the application in the worker."""
        return with_certificate(self._make_app())


def _tls13(_config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
