"""Does the tunnel to each partner work, and the stream in it."""

from __future__ import annotations

from bocage_contract.configuration import Link
from bocage_edge.health.facts import Facts, Status
from bocage_edge.health.finding import Finding, bad, ok, warning

# WireGuard makes a new handshake every two minutes while there is traffic; keepalives are traffic.
# Source: WireGuard paper, section 6.1 (REJECT_AFTER_TIME).
HANDSHAKE_DEAD_S = 180


def findings(facts: Facts) -> list[Finding]:
    """Judge tunnel, path MTU and stream of every link, the firewall and IP forwarding."""
    found = [finding for link in facts.links for finding in _of_link(facts, link)]
    said = facts.status("link")
    if said.get("firewall") is False:
        found.append(bad("firewall", "is not in force", "look: journalctl -u bocage-link"))
    elif said.get("firewall"):
        found.append(ok("firewall", "in force, default deny"))
    if said.get("forwarding"):
        found.append(warning("forwarding", "IP forwarding was on; the box switched it off"))
    return found


def _of_link(facts: Facts, link: Link) -> list[Finding]:
    said, relayed = facts.link_status("link", link.id), facts.link_status("relay", link.id)
    return [
        _tunnel(said, link),
        *_mtu(said, link),
        _stream(relayed, link),
    ]


def _tunnel(said: Status, link: Link) -> Finding:
    subject = f"tunnel {link.id}"
    age_s = said.get("handshake_age_s")
    if said.get("reason"):
        return bad(subject, str(said["reason"]))
    if age_s is None:
        return bad(
            subject,
            "there has been no handshake",
            "is the line up, and one end reachable from the other?",
        )
    text = f"last handshake {age_s} s ago, endpoint {said.get('endpoint') or 'unknown'}"
    return ok(subject, text) if age_s < HANDSHAKE_DEAD_S else bad(subject, text, "is the line up?")


def _mtu(said: Status, link: Link) -> list[Finding]:
    if "mtu" not in said:
        return []
    how = "probed" if said.get("mtu_is_probed") else "not probed yet"
    return [ok(f"MTU {link.id}", f"{said['mtu']} bytes, {how}")]


def _stream(said: Status, link: Link) -> Finding:
    subject = f"relay {link.id}"
    if said.get("blocked"):
        return bad(subject, str(said["blocked"]))
    legs = {name: said.get(name) or {} for name in ("outgoing", "incoming")}
    down = [
        f"{name}: {leg.get('reason') or 'not connected'}"
        for name, leg in legs.items()
        if not leg.get("connected")
    ]
    if down:
        return bad(subject, "; ".join(down), "it tries again by itself")
    outgoing = legs["outgoing"]
    fault = said.get("behind") or outgoing.get("ledger_fault") or outgoing.get("put_off")
    return warning(subject, str(fault)) if fault else ok(subject, "connected both ways")
