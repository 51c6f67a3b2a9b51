"""`bocage-provision`: the laboratory and the demonstration today, remote set-up of boxes later."""

from __future__ import annotations

import click

from bocage_provisioning.demo.command import demo


@click.group()
def main() -> None:
    """Set up boxes and try them."""


main.add_command(demo)
