"""Running one unit of the box, as its supervisor does."""

from __future__ import annotations

import importlib
import os
from threading import Event
from typing import Protocol, cast

import click

from bocage_edge.paths import Box
from bocage_edge.units import UNITS
from bocage_system import daemon, logs
from bocage_system.kick import ring


class _Daemon(Protocol):
    def run(self, box: Box, stop: Event) -> None:
        """Do the unit's work until `stop`."""


@click.command("run")
@click.argument("unit", type=click.Choice([unit.name for unit in UNITS]))
@click.pass_obj
def run_unit(box: Box, unit: str) -> None:
    """Run one unit until SIGTERM: keeper, link, receive, relay or deliver."""
    os.umask(0o007)
    logs.configure(unit)
    daemon.leave_no_core()
    daemon.end_on_thread_error()
    stop = daemon.stop_event(lambda: ring(box.doorbell(unit)))
    # Only this unit's code is loaded: a relay holds no codec, a keeper no DICOM.
    module = cast(_Daemon, importlib.import_module(f"bocage_edge.{unit}.daemon"))
    module.run(box, stop)
