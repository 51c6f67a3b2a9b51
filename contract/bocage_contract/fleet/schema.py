"""The messages as JSON Schema, for whoever speaks to a box or a console without our code. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from bocage_contract.card import Card
from bocage_contract.configuration import Desired
from bocage_contract.convention.model import Convention
from bocage_contract.fleet.commands import Command
from bocage_contract.fleet.enrolment import EnrolmentAnswer, EnrolmentFile, EnrolmentRequest
from bocage_contract.fleet.events import Ack, Events
from bocage_contract.fleet.health import Health
from bocage_contract.fleet.keyset import Keyset
from bocage_contract.fleet.presence import Status
from bocage_contract.fleet.reported import Reported
from bocage_contract.model import Model
from bocage_contract.signing import Envelope

UPWARD: dict[str, type[Model]] = {
    "status": Status,
    "health": Health,
    "events": Events,
    "reported": Reported,
    "enrolment-request": EnrolmentRequest,
}
DOWNWARD: dict[str, type[Model]] = {
    "ack": Ack,
    "command": Command,
    "desired": Desired,
    "keyset": Keyset,
    "convention": Convention,
    "enrolment-file": EnrolmentFile,
}
SHARED: dict[str, type[Model]] = {"card": Card, "envelope": Envelope}


def schemas() -> dict[str, dict[str, Any]]:
    """Give every message's JSON Schema (draft 2020-12) by the message's name."""
    models = UPWARD | DOWNWARD | SHARED
    found = {name: model.model_json_schema() for name, model in models.items()}
    found["enrolment-answer"] = TypeAdapter(EnrolmentAnswer).json_schema()
    return found
