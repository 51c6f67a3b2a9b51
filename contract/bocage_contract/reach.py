"""Where a box finds its console. Pure.

It stands in the signed configuration, so that a move of the console is tried before it counts.
"""

from __future__ import annotations

from bocage_contract.model import Model
from bocage_contract.names import Endpoint


class ConsoleReach(Model):
    """The console's two doors for boxes."""

    broker: Endpoint
    gate: Endpoint


def host_and_port(endpoint: str) -> tuple[str, int]:
    """Split an endpoint; an IPv6 address comes without its brackets."""
    host, _, port = endpoint.rpartition(":")
    return host.strip("[]"), int(port)
