"""`bocage-console broker`: Mosquitto, configured for this fleet and tried before it counts."""

from __future__ import annotations

import click
from sqlalchemy import select

from bocage_console.broker.running import BrokerUnit, Reach
from bocage_console.database.opening import Database, open_database, url_of
from bocage_console.database.tables import Device
from bocage_console.folder import Folder
from bocage_system import logs
from bocage_system.clock import SystemClock
from bocage_system.daemon import notify_ready, notify_watchdog, stop_event


@click.command()
@click.option("--address", default="::", show_default=True, help="Where it listens.")
@click.option("--port", default=8883, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--name",
    "names",
    multiple=True,
    required=True,
    help="Host name or address boxes reach it by; the first is tried from here.",
)
@click.option("--user", help="User the broker runs as.")
@click.pass_obj
def broker(
    folder: Folder, address: str, port: int, names: tuple[str, ...], user: str | None
) -> None:
    """Run the broker until it is told to stop."""
    logs.configure("broker")
    stop = stop_event()
    database = open_database(url_of(folder))
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
        database.close()


def active_devices(database: Database) -> frozenset[str]:
    """Name the boxes that are enrolled and not fenced."""
    with database.reading() as session:
        return frozenset(session.scalars(select(Device.id).where(Device.state == "active")))
