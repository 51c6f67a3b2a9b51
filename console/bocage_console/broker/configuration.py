"""Mosquitto's configuration file. Pure.

Limits are set where the default is none. Sessions are kept for a week, so that a box that was off
over a long weekend gets what was sent meanwhile; what matters it asks for anyway.

Source: mosquitto.conf(5) of 2.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_PACKET_BYTES = 2 << 20  # a signed configuration is at most 1 MiB, in base64 inside JSON
MAX_QUEUED_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """What differs from console to console.

    Args:
        folder: where the broker keeps its files; no white space in it.
    """

    address: str
    port: int
    folder: Path
    authority: Path
    certificate: Path
    key: Path
    user: str | None = None
    max_connections: int = 10_000

    @property
    def access_list(self) -> Path:
        """The file of `access.access_list`."""
        return self.folder / "access"

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self.folder / "mosquitto.conf"


def configuration(settings: BrokerSettings) -> str:
    """Write the file.

    Raises:
        ValueError: a path holds white space, which the file's grammar cannot say.
    """
    lines = [
        ("listener", f"{settings.port} {settings.address}"),
        ("cafile", _path(settings.authority)),
        ("certfile", _path(settings.certificate)),
        ("keyfile", _path(settings.key)),
        ("tls_version", "tlsv1.3"),
        ("require_certificate", "true"),
        # The user is the certificate's common name, and the client id is the user: without the
        # second, one box takes another's session by its client id.
        ("use_identity_as_username", "true"),
        ("use_username_as_clientid", "true"),
        ("allow_anonymous", "false"),
        ("acl_file", _path(settings.access_list)),
        ("max_connections", str(settings.max_connections)),
        ("max_packet_size", str(MAX_PACKET_BYTES)),
        ("max_keepalive", "120"),
        ("max_inflight_messages", "20"),
        ("max_queued_messages", "1000"),
        ("max_queued_bytes", str(MAX_QUEUED_BYTES)),
        ("max_topic_alias", "0"),
        ("persistent_client_expiration", "7d"),
        ("persistence", "true"),
        ("persistence_location", f"{_path(settings.folder)}/"),
        ("autosave_interval", "60"),
        ("sys_interval", "0"),
        ("connection_messages", "false"),
        ("log_dest", "stderr"),
        ("log_type", "error"),
        ("log_type", "warning"),
    ]
    if settings.user is not None:
        lines.append(("user", settings.user))
    return "".join(f"{key} {value}\n" for key, value in lines)


def _path(path: Path) -> str:
    text = str(path)
    if any(each.isspace() for each in text):
        raise ValueError(f"the broker's configuration cannot hold a path with white space: {text}")
    return text
