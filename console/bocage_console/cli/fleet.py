"""`bocage-console site|device|link|convention`: what the fleet is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from bocage_console.cli.opened import now, opened, who
from bocage_console.database.tables import ConventionVersion, Device, Link, Said, Site
from bocage_console.desired.ordering import order_configuration, order_for_link
from bocage_console.devices.keeping import add_device, allow_unlock, fence, retire
from bocage_console.devices.seeing import presence_of
from bocage_console.errors import ConsoleError
from bocage_console.folder import Folder
from bocage_console.links.keeping import put_convention, put_link
from bocage_console.links.path import Path as LinkPath
from bocage_console.sites.keeping import put_site
from bocage_console.sites.profile import Profile
from bocage_contract.convention.approval import Approved
from bocage_system.durable import read_limited

_FILE = click.Path(path_type=Path, dir_okay=False)
_DOCUMENT_BYTES = 1 << 20


@click.group()
def site() -> None:
    """Hospitals and practices."""


@site.command("put")
@click.argument("name")
@click.argument("file", type=_FILE)
@click.pass_obj
def site_put(folder: Folder, name: str, file: Path) -> None:
    """Add a site or change it; FILE says in JSON what its box is told of it."""
    profile = Profile.of(_read(file))
    with opened(folder) as database, database.writing() as session:
        put_site(session, now(), who(), name, profile)


@site.command("list")
@click.pass_obj
def site_list(folder: Folder) -> None:
    """List the sites."""
    with opened(folder) as database, database.reading() as session:
        for row in session.scalars(select(Site).order_by(Site.id)):
            click.echo(f"{row.id}\t{Profile.of(row.profile).site.name}")


@click.group()
def device() -> None:
    """Boxes."""


@device.command("add")
@click.argument("name")
@click.option("--site", "site_name", required=True)
@click.pass_obj
def device_add(folder: Folder, name: str, site_name: str) -> None:
    """Make the place for a box at a site."""
    with opened(folder) as database, database.writing() as session:
        add_device(session, now(), who(), name, site_name)


@device.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def device_list(folder: Folder, as_json: bool) -> None:
    """List the boxes and whether they are there."""
    with opened(folder) as database, database.reading() as session:
        rows = [
            {
                "device": row.id,
                "site": row.site_id,
                "state": row.state,
                "revision": row.revision,
                "presence": presence_of(session, row.id, now()).presence.value,
                "doubled": row.doubled_at is not None,
                "asks_to_be_unlocked": row.asking_boot is not None,
            }
            for row in session.scalars(select(Device).order_by(Device.id))
        ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        marks = [name for name in ("doubled", "asks_to_be_unlocked") if row[name]]
        click.echo("\t".join([*(str(row[name]) for name in list(row)[:5]), *marks]))


@device.command("said")
@click.argument("name")
@click.argument("leaf", type=click.Choice(["status", "health", "reported"]))
@click.pass_obj
def device_said(folder: Folder, name: str, leaf: str) -> None:
    """Print the last message of a kind from a box."""
    with opened(folder) as database, database.reading() as session:
        found = session.get(Said, (name, leaf))
        if found is None:
            raise ConsoleError(f"box {name} has said no {leaf} yet")
        click.echo(json.dumps(found.body, indent=1, sort_keys=True))


@device.command("fence")
@click.argument("name")
@click.option("--reason", required=True)
@click.pass_obj
def device_fence(folder: Folder, name: str, reason: str) -> None:
    """Shut a box out everywhere, for ever."""
    with opened(folder) as database, database.writing() as session:
        fence(session, now(), who(), name, reason)


@device.command("retire")
@click.argument("name")
@click.pass_obj
def device_retire(folder: Folder, name: str) -> None:
    """Take a box out of service; destroy its keys first: bocage-edge erase."""
    with opened(folder) as database, database.writing() as session:
        retire(session, now(), who(), name)


@device.command("allow-unlock")
@click.argument("name")
@click.pass_obj
def device_allow_unlock(folder: Folder, name: str) -> None:
    """Let a box that asks from an unknown address be unlocked for this boot."""
    with opened(folder) as database, database.writing() as session:
        allow_unlock(session, now(), who(), name)


@device.command("publish")
@click.argument("name")
@click.option("--reason", required=True)
@click.pass_obj
def device_publish(folder: Folder, name: str, reason: str) -> None:
    """Ask the signer for a box's next configuration."""
    with opened(folder) as database, database.writing() as session:
        order_configuration(session, now(), who(), name, reason)


@click.group()
def link() -> None:
    """The paths between two boxes."""


@link.command("put")
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--requesting", required=True, help="Box of the hospital.")
@click.option("--reading", required=True, help="Box of the practice.")
@click.pass_obj
def link_put(folder: Folder, name: str, file: Path, requesting: str, reading: str) -> None:
    """Add a link or change it; both its boxes get a new configuration."""
    path = LinkPath.of(_read(file))
    with opened(folder) as database, database.writing() as session:
        put_link(session, now(), who(), name, requesting=requesting, reading=reading, path=path)
        session.flush()
        order_for_link(session, now(), who(), name, "link changed")


@link.command("list")
@click.pass_obj
def link_list(folder: Folder) -> None:
    """List the links and their agreements."""
    with opened(folder) as database, database.reading() as session:
        for row in session.scalars(select(Link).order_by(Link.id)):
            versions = session.scalars(
                select(ConventionVersion.version)
                .where(ConventionVersion.link_id == row.id)
                .order_by(ConventionVersion.version)
            )
            agreed = ", ".join(str(each) for each in versions) or "none"
            click.echo(f"{row.id}\t{row.requesting_id} -> {row.reading_id}\tagreements: {agreed}")


@click.group()
def convention() -> None:
    """The agreements of links."""


@convention.command("add")
@click.argument("file", type=_FILE)
@click.pass_obj
def convention_add(folder: Folder, file: Path) -> None:
    """Add an agreement that both sites approved (see: bocage-provision convention)."""
    approved = Approved.of(_read(file))
    with opened(folder) as database, database.writing() as session:
        put_convention(session, now(), who(), approved)
        session.flush()
        order_for_link(session, now(), who(), approved.convention.link, "agreement added")


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_limited(file, _DOCUMENT_BYTES))
    except (OSError, ValueError) as error:
        raise ConsoleError(f"{file} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ConsoleError(f"{file} holds no JSON object")
    return value
