from __future__ import annotations

from typing import Any

from bocage_edge.agent.reporting import health_of
from tests.edge.agent.test_conditions import LINK, MACHINE, NOW

CORNER = {
    "link": "flers-caen",
    "direction": "out",
    "class": "routine",
    "objects": 3,
    "bytes": 900,
    "oldest_at": NOW - 60,
}
STATUSES: dict[str, dict[str, Any]] = {
    "link": {
        "clock": {"state": "attested"},
        "links": [LINK | {"rx_bytes": 11, "tx_bytes": 22, "mtu": 1380}],
    },
    "relay": {
        "links": [
            {
                "link": "flers-caen",
                "outgoing": {"goodput_bytes_s": 1000.0},
                "slots": [{"estimate_at": NOW + 60}, {"estimate_at": NOW + 90}],
            }
        ],
        "spool": {"backlog": [CORNER, CORNER | {"class": "urgent"}]},
    },
    "deliver": {
        "locked": None,
        "destinations": {
            "pacs": {"is_configured": True, "echo_at": NOW - 5, "echo_ok": True, "echo_ms": 3}
        },
    },
}


def test_what_the_units_say_is_what_is_told() -> None:
    """Each number under the name its unit gives it: a name that changes there shows here."""
    health = health_of(
        STATUSES,
        MACHINE,
        [],
        [],
        boot="a" * 32,
        now=NOW,
        revision=7,
        generations={"flers-caen": 2},
    )
    (tunnel,) = health.tunnels
    assert (tunnel.up, tunnel.generation, tunnel.handshake_age_s) == (True, 2, 20)
    assert (tunnel.received_bytes, tunnel.sent_bytes, tunnel.mtu_bytes) == (11, 22, 1380)
    assert tunnel.goodput_bit_per_s == 8000
    assert [(each.exam_class, each.arrival_at) for each in health.backlog] == [
        ("routine", int(NOW + 90)),
        ("urgent", None),
    ]
    assert (health.backlog[0].objects, health.backlog[0].oldest_age_s) == (3, 60)
    (station,) = health.stations
    assert (station.reachable, station.age_s, station.took_ms) == (True, 5, 3)
    assert (health.locked, health.clock_attested) == (False, True)
