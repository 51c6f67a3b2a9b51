"""`bocage-console broker|gate|ingest|signer`: the console's processes, for the supervisor."""

from __future__ import annotations

import click
from flask import Flask
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from bocage_console.authority.certificates import Role
from bocage_console.authority.files import load_authority, session_files
from bocage_console.broker.access import INGEST
from bocage_console.broker.running import BrokerUnit, Reach
from bocage_console.broker.session import BrokerAddress
from bocage_console.cli.opened import now, opened
from bocage_console.database.opening import Database, open_database, url_of
from bocage_console.database.tables import Device
from bocage_console.devices.keeping import ACTIVE
from bocage_console.errors import ConsoleError
from bocage_console.fleet_keyset import held_keyset, need_keyset
from bocage_console.folder import Folder
from bocage_console.gate.app import Surroundings, create_app
from bocage_console.gate.serving import GateServer
from bocage_console.ingest.unit import IngestUnit
from bocage_console.signer.key import read_key
from bocage_console.signer.signing import LOOK_EVERY_S, SignerUnit
from bocage_contract.names import Endpoint
from bocage_contract.reach import host_and_port
from bocage_system import logs
from bocage_system.clock import SystemClock
from bocage_system.daemon import notify_ready, notify_watchdog, stop_event

_ENDPOINT: TypeAdapter[str] = TypeAdapter(Endpoint)
_PORT = click.IntRange(1, 65535)
_NAMES = click.option(
    "--name",
    "names",
    multiple=True,
    required=True,
    help="Host name or address boxes reach it by; the first is used from here as well.",
)


@click.command()
@click.option("--address", default="::", show_default=True, help="Where it listens.")
@click.option("--port", default=8883, show_default=True, type=_PORT)
@_NAMES
@click.option("--user", help="User the broker runs as.")
@click.pass_obj
def broker(
    folder: Folder, address: str, port: int, names: tuple[str, ...], user: str | None
) -> None:
    """Run the broker, tried before it counts."""
    logs.configure("broker")
    stop = stop_event()
    with opened(folder) as database:
        reach = Reach(address, port, names, user)
        unit = BrokerUnit(folder, reach, lambda: active_devices(database), SystemClock())
        unit.start()
        try:
            notify_ready()
            while not stop.is_set():
                wait_s = unit.step()
                notify_watchdog()
                stop.wait(wait_s)
        finally:
            unit.close()


@click.command()
@click.option("--address", default="::", show_default=True, help="Where it listens.")
@click.option("--port", default=8443, show_default=True, type=_PORT)
@_NAMES
@click.option("--broker", "broker_at", required=True, help="HOST:PORT that boxes are told.")
@click.pass_obj
def gate(folder: Folder, address: str, port: int, names: tuple[str, ...], broker_at: str) -> None:
    """Run the gate: enrolment and unlock, over HTTPS."""
    logs.configure("gate")
    need_keyset(folder)
    files = session_files(folder, "gate", Role.SERVER, now(), reached_at=names)

    def make_app() -> Flask:
        around = Surroundings(
            open_database(url_of(folder)),
            SystemClock(),
            load_authority(folder).pem,
            broker_at,
            f"{names[0]}:{port}",
            lambda: need_keyset(folder),
        )
        return create_app(around)

    GateServer(make_app, address, port, files).run()


@click.command()
@click.option("--broker", "broker_at", required=True, help="HOST:PORT of the broker.")
@click.pass_obj
def ingest(folder: Folder, broker_at: str) -> None:
    """Take what boxes say into the database, and give them what is theirs."""
    logs.configure("ingest")
    stop = stop_event()
    files = session_files(folder, INGEST, Role.CLIENT, now())
    with opened(folder) as database:
        unit = IngestUnit(
            database, SystemClock(), _address(broker_at), files, lambda: held_keyset(folder)
        )
        unit.start()
        try:
            notify_ready()
            while not stop.is_set():
                unit.step()
                notify_watchdog()
        finally:
            unit.close()


@click.command()
@click.pass_obj
def signer(folder: Folder) -> None:
    """Sign what is ordered; holds the key for configurations and commands."""
    logs.configure("signer")
    stop = stop_event()
    key = read_key(folder.signer / "signing.key")
    with opened(folder) as database:
        unit = SignerUnit(database, key)
        notify_ready()
        while not stop.is_set():
            unit.step(now())
            notify_watchdog()
            stop.wait(LOOK_EVERY_S)


def active_devices(database: Database) -> frozenset[str]:
    """Name the boxes that are enrolled and not fenced."""
    with database.reading() as session:
        return frozenset(session.scalars(select(Device.id).where(Device.state == ACTIVE)))


def _address(text: str) -> BrokerAddress:
    try:
        return BrokerAddress(*host_and_port(_ENDPOINT.validate_python(text)))
    except ValidationError:
        raise ConsoleError(f"{text} is no HOST:PORT") from None
