"""The messages for the console, made of what the units say of themselves. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bocage_contract.fingerprint import fingerprint
from bocage_contract.fleet.health import (
    ClassBacklog,
    Condition,
    Health,
    LedgerHead,
    Machine,
    Station,
    TunnelHealth,
)
from bocage_contract.fleet.reported import Check, Reported, Returned, Trial
from bocage_contract.ledger import Head
from bocage_edge.implementation import VERSION

Status = Mapping[str, Any]


def health_of(
    statuses: Mapping[str, Status],
    machine: Machine,
    conditions: Sequence[Condition],
    heads: Sequence[Head],
    *,
    boot: str,
    now: float,
    revision: int,
    generations: Mapping[str, int],
) -> Health:
    """Say how the box is.

    Args:
        now: Unix seconds.
    """
    link, deliver = statuses.get("link", {}), statuses.get("deliver", {})
    return Health(
        boot=boot,
        at=int(now),
        software=VERSION,
        revision=revision,
        locked=bool(deliver.get("locked")),
        clock_attested=(link.get("clock") or {}).get("state") == "attested",
        machine=machine,
        tunnels=list(_tunnels(link, statuses.get("relay", {}), generations)),
        backlog=list(_backlog(statuses.get("relay", {}), now)),
        stations=list(_stations(deliver, now)),
        heads=[LedgerHead(chain=head.chain, n=head.n, hash=head.hash) for head in heads],
        conditions=list(conditions),
    )


def reported_of(
    said: Status,
    identity: bytes,
    card: bytes,
    *,
    in_force: int,
    keyset: int,
    command: int,
    generations: Mapping[str, int],
) -> Reported:
    """Say how the box stands to its configuration.

    Args:
        said: of the link unit, `configuration` of its status.
        identity: public key, 32 bytes.
        card: the signed card, exact bytes.
    """
    trial = said.get("trial")
    return Reported(
        identity=fingerprint(identity),
        in_force=in_force,
        confirmed=int(said.get("confirmed") or 0),
        unproven=[Check.of(each) for each in said.get("unproven") or ()],
        trial=None
        if trial is None
        else Trial(revision=int(trial["revision"]), until=int(trial["until"])),
        returned=None if said.get("returned") is None else Returned.of(said["returned"]),
        software=VERSION,
        keyset=keyset,
        command_counter=command,
        card=base64.b64encode(card).decode(),
        tunnel_generations=dict(generations),
    )


def _tunnels(link: Status, relay: Status, generations: Mapping[str, int]) -> Iterator[TunnelHealth]:
    rates = {said["link"]: said for said in relay.get("links") or ()}
    for said in link.get("links") or ():
        outgoing = rates.get(said["link"], {}).get("outgoing") or {}
        goodput = outgoing.get("goodput_bytes_s")
        yield TunnelHealth(
            link=said["link"],
            up=bool(said.get("up")),
            generation=generations.get(said["link"], 1),
            handshake_age_s=_whole(said.get("handshake_age_s")),
            mtu_bytes=_whole(said.get("mtu")),
            goodput_bit_per_s=None if goodput is None else int(goodput * 8),
            received_bytes=_whole(said.get("rx_bytes")) or 0,
            sent_bytes=_whole(said.get("tx_bytes")) or 0,
        )


def _backlog(relay: Status, now: float) -> Iterator[ClassBacklog]:
    arrivals = {said["link"]: _last_arrival(said) for said in relay.get("links") or ()}
    for corner in (relay.get("spool") or {}).get("backlog") or ():
        # Of routine exams there is an estimate, by slot; the last of them is when all are there.
        is_expected = corner["class"] == "routine" and corner["direction"] == "out"
        yield ClassBacklog(
            link=corner["link"],
            exam_class=corner["class"],
            direction=corner["direction"],
            objects=corner["objects"],
            size_bytes=corner["bytes"],
            oldest_age_s=max(0, int(now - corner["oldest_at"])),
            arrival_at=arrivals.get(corner["link"]) if is_expected else None,
        )


def _last_arrival(link: Status) -> int | None:
    """Say when the last slot's exams are expected; None: nobody can say of one of them."""
    times = [slot.get("estimate_at") for slot in link.get("slots") or ()]
    known = [each for each in times if each is not None]
    return int(max(known)) if known and len(known) == len(times) else None


def _stations(deliver: Status, now: float) -> Iterator[Station]:
    for name, said in (deliver.get("destinations") or {}).items():
        asked_at = said.get("echo_at")
        if not said.get("is_configured") or asked_at is None:
            continue
        yield Station(
            destination=name,
            reachable=bool(said.get("echo_ok")),
            age_s=max(0, int(now - asked_at)),
            took_ms=max(0, int(said.get("echo_ms") or 0)),
        )


def _whole(value: object) -> int | None:
    return max(0, int(value)) if isinstance(value, int | float) else None
