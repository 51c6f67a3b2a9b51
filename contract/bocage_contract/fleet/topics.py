"""The MQTT topics of contract 1. Pure.

A box writes below its own name upwards and reads below it downwards, nothing else; the broker's
access list says the same (`pattern`).
"""

from __future__ import annotations

import re
from enum import StrEnum

from bocage_contract.errors import MessageError

_ROOT = "bocage/1"
_TOPIC = re.compile(rf"{_ROOT}/([a-z0-9](?:[a-z0-9-]{{0,30}}[a-z0-9])?)/([a-z]{{1,16}})")


class Up(StrEnum):
    """What a box publishes."""

    STATUS = "status"
    HEALTH = "health"
    EVENTS = "events"
    REPORTED = "reported"


class Down(StrEnum):
    """What a box listens to."""

    DESIRED = "desired"
    COMMAND = "command"
    ACK = "ack"


def topic(device: str, leaf: Up | Down) -> str:
    """Name the topic of a box."""
    return f"{_ROOT}/{device}/{leaf}"


def of_every_box(leaf: Up | Down) -> str:
    """Name the filter that matches this topic of every box."""
    return f"{_ROOT}/+/{leaf}"


def access_patterns() -> tuple[str, ...]:
    """Give the lines of a Mosquitto access list for a client whose user name is its box's name.

    Source: mosquitto.conf(5), acl_file: `pattern [read|write|readwrite] <topic>`, `%u`.
    """
    up = [f"pattern write {_ROOT}/%u/{leaf}" for leaf in Up]
    return (*up, *(f"pattern read {_ROOT}/%u/{leaf}" for leaf in Down))


def read_topic(name: str) -> tuple[str, Up]:
    """Say which box published what.

    Raises:
        MessageError: no topic a box may publish to.
    """
    found = _TOPIC.fullmatch(name)
    if found is None or found[2] not in set(Up):
        raise MessageError("a message came on a topic that no box publishes to")
    return found[1], Up(found[2])
