"""What the relay says of its links, for the doctor and the desk. Pure but for its memory of rates.

A rate is what went over the connection between two reports, in bytes a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bocage_edge.relay.service import Leg, LinkService
from bocage_edge.relay.terms import Blocked
from bocage_edge.relay.watch import Outlook


@dataclass(slots=True)
class Rates:
    """Byte counts at the last report, by link and direction."""

    before: dict[str, tuple[float, int]] = field(default_factory=dict)

    def rate(self, key: str, now: float, count: int) -> int:
        """Give bytes a second since the last report.

        Args:
            count: bytes on this connection so far; smaller than before: a new connection.
        """
        at, last = self.before.get(key, (now, count))
        self.before[key] = now, count
        if now <= at:
            return 0
        return int((count - last if count >= last else count) / (now - at))


def report(
    services: Sequence[LinkService],
    blocked: Sequence[Blocked],
    rates: Rates,
    outlooks: Mapping[str, Outlook],
    now: float,
) -> list[dict[str, Any]]:
    """Describe every link.

    Args:
        now: Unix seconds.
    """
    return [
        *(
            {**_serving(service, rates, now), **_expected(outlooks.get(service.terms.id))}
            for service in services
        ),
        *(
            {
                "link": each.link,
                "blocked": each.reason,
                "is_alarm": each.is_alarm,
                **_expected(outlooks.get(each.link)),
            }
            for each in blocked
        ),
    ]


def _expected(outlook: Outlook | None) -> dict[str, Any]:
    seen = outlook or Outlook()
    return {"alarms": seen.alarms, "slots": seen.slots}


def _serving(service: LinkService, rates: Rates, now: float) -> dict[str, Any]:
    out, into = service.outbound, service.inbound
    link = service.terms.id
    return {
        "link": link,
        "partner": service.terms.link.partner,
        "blocked": "",
        "is_alarm": bool(service.alarm(now)),
        "behind": service.alarm(now),
        "outgoing": {
            **_leg(service.legs.outgoing, f"{link}/out", rates, now),
            "goodput_bytes_s": service.goodput.bytes_s or None,
            "window_opens_at": service.windows.opens_at(now),
            "cap_mbit": service.pacer.mbit(now),
            "in_flight": out.sender.in_flight if out is not None else 0,
            "last_commit_at": out.last_commit_at if out is not None else None,
            "put_off": out.last_refusal if out is not None else None,
            "ledger_fault": out.ledger_fault if out is not None else "",
        },
        "incoming": {
            **_leg(service.legs.incoming, f"{link}/in", rates, now),
            "in_flight": into.receiver.in_flight if into is not None else 0,
            "last_commit_at": into.last_commit_at if into is not None else None,
        },
    }


def _leg(leg: Leg, key: str, rates: Rates, now: float) -> dict[str, Any]:
    connection = leg.connection
    sent = connection.sent_bytes if connection is not None else 0
    received = connection.received_bytes if connection is not None else 0
    is_connected = leg.connected_since is not None
    return {
        "connected": is_connected,
        "since": leg.connected_since,
        "reason": "" if is_connected else leg.reason,
        "congestion_control": connection.congestion_control if connection is not None else "",
        "sent_bytes_s": rates.rate(f"{key}/sent", now, sent),
        "received_bytes_s": rates.rate(f"{key}/received", now, received),
        "connections": leg.connections,
        "cuts": leg.cuts,
        "last_cut": leg.last_cut,
    }
