"""`bocage-console command`: ask a box for one of the few things it does when asked."""

from __future__ import annotations

import click
from sqlalchemy import select

from bocage_console.cli.opened import now, opened, who
from bocage_console.database.tables import Command, SigningOrder
from bocage_console.desired.ordering import COMMAND
from bocage_console.devices.keeping import find_device
from bocage_console.folder import Folder
from bocage_contract.fleet.commands import Echo, Lock, Reboot, Resend, RotateTunnel, Support
from bocage_contract.model import Model


@click.group("command")
def command() -> None:
    """Ask a box for something; the answers are listed by `list`."""


@command.command("echo")
@click.argument("device")
@click.argument("destination")
@click.pass_obj
def ask_echo(folder: Folder, device: str, destination: str) -> None:
    """Ask whether a destination answers."""
    _order(folder, device, Echo(destination=destination))


@command.command("resend")
@click.argument("device")
@click.argument("name")
@click.pass_obj
def ask_resend(folder: Folder, device: str, name: str) -> None:
    """Have an object offered to the partner again."""
    _order(folder, device, Resend(object=name))


@command.command("rotate-tunnel")
@click.argument("device")
@click.argument("link")
@click.argument("generation", type=click.IntRange(2))
@click.pass_obj
def ask_rotate(folder: Folder, device: str, link: str, generation: int) -> None:
    """Have the next generation of a tunnel key made."""
    _order(folder, device, RotateTunnel(link=link, generation=generation))


@command.command("support")
@click.argument("device")
@click.pass_obj
def ask_support(folder: Folder, device: str) -> None:
    """Have a support bundle collected; it holds no patient data."""
    _order(folder, device, Support())


@command.command("lock")
@click.argument("device")
@click.pass_obj
def ask_lock(folder: Folder, device: str) -> None:
    """Have the opening key forgotten until the next unlock."""
    _order(folder, device, Lock())


@command.command("reboot")
@click.argument("device")
@click.pass_obj
def ask_reboot(folder: Folder, device: str) -> None:
    """Have the machine started anew, once no urgent exam is moving."""
    _order(folder, device, Reboot())


@command.command("list")
@click.argument("device")
@click.pass_obj
def command_list(folder: Folder, device: str) -> None:
    """List the commands a box was given, and its answers."""
    with opened(folder) as database, database.reading() as session:
        rows = session.scalars(
            select(Command).where(Command.device_id == device).order_by(Command.counter)
        )
        for row in rows:
            answer = row.outcome or "no answer yet"
            click.echo(f"{row.counter}\t{row.act['kind']}\t{answer}\t{row.why or ''}".rstrip())


def _order(folder: Folder, device: str, act: Model) -> None:
    with opened(folder) as database, database.writing() as session:
        find_device(session, device)
        session.add(
            SigningOrder(
                device_id=device,
                what=COMMAND,
                command=act.to_json(),
                asked_by=who(),
                reason="",
                asked_at=int(now()),
            )
        )
