"""What two sites agreed on, as the box holds it."""

from __future__ import annotations

import click

from bocage_contract.configuration import Link
from bocage_contract.convention.calendar import month_at
from bocage_contract.convention.versions import governing
from bocage_contract.exam_class import ExamClass
from bocage_edge import configuration
from bocage_edge.cli.convention_text import lines_of
from bocage_edge.errors import ConfigError
from bocage_edge.paths import Box
from bocage_edge.spool.exams import ExamState
from bocage_edge.spool.store import Spool
from bocage_edge.spool.types import Direction
from bocage_edge.units import ADMINISTRATOR


@click.group()
def convention() -> None:
    """The agreement of a link."""


@convention.command("show")
@click.argument("link_id", metavar="[LINK]", required=False)
@click.option("--language", type=click.Choice(["fr", "en"]), help="Else the site's.")
@click.pass_obj
def show_convention(box: Box, link_id: str | None, language: str | None) -> None:
    """Say what is in force, what follows, who approved it, this week's slots, what is used."""
    desired = configuration.load(box).desired
    links = [each for each in desired.links if link_id in (None, each.id)]
    if not links:
        raise ConfigError(f"no link {link_id}", "see: bocage-edge config show")
    now = box.clock().now()
    spool = Spool(box.spool, box.clock(), unit=ADMINISTRATOR)
    try:
        for link in links:
            click.echo(link.id)
            used = _used(spool, link, now)
            for line in lines_of(link.conventions, now, used, language or desired.site.language):
                click.echo(f"  {line}".rstrip())
    finally:
        spool.close()


def _used(spool: Spool, link: Link, now: float) -> int:
    """Count the exams accepted this month, seen from either end."""
    holding = governing([each.convention for each in link.conventions], now)
    if holding is None:
        return 0
    month = month_at(holding, now)
    direction = Direction.OUT if link.role == "requesting" else Direction.IN
    return sum(
        each.link == link.id
        and each.state is ExamState.ACCEPTED
        and each.klass is not ExamClass.PRIOR
        and each.accepted_at is not None
        and month.holds(each.accepted_at)
        for each in spool.exams_since(month.start - 86_400, direction)
    )
