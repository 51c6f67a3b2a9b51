"""What the people who run the site's audit repository need of a box."""

from __future__ import annotations

import os

import click

from bocage_edge.audit.own_certificate import make_own_certificate, public_part
from bocage_edge.configuration import load_card
from bocage_edge.errors import ConfigError
from bocage_edge.keeper.daemon import read_owners
from bocage_edge.paths import Box
from bocage_system.durable import read_limited, write_atomic

_MAX_PEM_BYTES = 16 * 1024


@click.group()
def audit() -> None:
    """Messages to the site's audit repository."""


@audit.command()
@click.pass_obj
def certificate(box: Box) -> None:
    """Print the certificate the box shows to a repository that wants one; made the first time."""
    device = load_card(box).device
    if not box.audit_certificate.exists():
        owners = read_owners(box.owners)
        write_atomic(box.audit_certificate, make_own_certificate(device), mode=0o600)
        os.chown(box.audit_certificate, owners.uids["deliver"], owners.gid)
    try:
        click.echo(public_part(read_limited(box.audit_certificate, _MAX_PEM_BYTES)), nl=False)
    except ValueError:
        raise ConfigError(
            f"{box.audit_certificate.name} is damaged",
            "remove it, print it again, and give the new one to the repository",
        ) from None
