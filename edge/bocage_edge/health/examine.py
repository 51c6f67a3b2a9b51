"""All probes, in the order a person reads them."""

from __future__ import annotations

from collections.abc import Callable

from bocage_edge.health import (
    agreed,
    audit,
    clock,
    commitment,
    configuration,
    lock,
    partner,
    requests,
    slots,
    spool,
    station,
    tunnel,
    unit,
)
from bocage_edge.health.facts import Facts
from bocage_edge.health.finding import Finding

PROBES: tuple[Callable[[Facts], list[Finding]], ...] = (
    configuration.findings,
    unit.findings,
    partner.findings,
    tunnel.findings,
    lock.findings,
    station.findings,
    spool.findings,
    requests.findings,
    slots.findings,
    agreed.findings,
    audit.findings,
    commitment.findings,
    clock.findings,
)


def examine(facts: Facts) -> list[Finding]:
    """Judge everything."""
    return [finding for probe in PROBES for finding in probe(facts)]
