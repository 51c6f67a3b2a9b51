"""`bocage-provision`: the demonstration, conventions, and signing configurations by hand."""

from __future__ import annotations

import click

from bocage_provisioning.agreeing import convention
from bocage_provisioning.demo.command import demo
from bocage_provisioning.schemas import write_schemas
from bocage_provisioning.signing import configuration


@click.group()
def main() -> None:
    """Set up boxes and try them."""


main.add_command(demo)
main.add_command(configuration)
main.add_command(write_schemas)
main.add_command(convention)
