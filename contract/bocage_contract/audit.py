"""Where a box sends its audit messages: the site's own audit repository.

Source: PS3.15 A.5 (messages), A.6 (transport over syslog TLS); RFC 5425.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bocage_contract.model import Model
from bocage_contract.names import Address, Port

SYSLOG_TLS_PORT = 6514  # RFC 5425 section 4.1
MAX_PEM_CHARACTERS = 16 * 1024

AuditEvent = Literal["begin", "transferred", "security", "activity"]
EVENTS: tuple[AuditEvent, ...] = ("begin", "transferred", "security", "activity")

SourceText = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:@/-]{0,63}$")]
ServerName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*$"),
]
Certificates = Annotated[
    str,
    Field(
        max_length=MAX_PEM_CHARACTERS,
        pattern=r"^(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,76}\n)+"
        r"-----END CERTIFICATE-----\n)+$",
    ),
]


class AuditRepository(Model):
    """The collector of a site's audit messages. Since contract 1."""

    host: Address
    port: Port = SYSLOG_TLS_PORT
    certificates: Certificates = Field(
        description="PEM: what the collector's certificate must chain to, or that certificate."
    )
    server_name: ServerName | None = Field(
        None,
        max_length=253,
        description="What the collector's certificate must be made out to. Null: it must itself be"
        " one of `certificates`.",
    )
    source_id: SourceText = Field(description="AuditSourceID: what the repository calls this box.")
    enterprise_site: SourceText | None = Field(None, description="AuditEnterpriseSiteID.")
    client_certificate: bool = Field(
        False, description="Whether the box shows the certificate that `audit certificate` prints."
    )
    events: list[AuditEvent] = Field(
        default_factory=lambda: list(EVENTS), min_length=1, max_length=len(EVENTS)
    )
