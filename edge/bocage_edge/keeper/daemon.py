"""The keeper's process: a socket for the other units, and nothing else open to anybody."""

from __future__ import annotations

import threading
from pathlib import Path

from bocage_edge.configuration import load_card
from bocage_edge.errors import KeeperError
from bocage_edge.keeper.keys import load_keys
from bocage_edge.keeper.service import Message, Service
from bocage_edge.ledger.own import OwnLedger
from bocage_edge.ledger.partners import PartnerLedger
from bocage_edge.paths import Box
from bocage_edge.units import Owners, parse_owners
from bocage_system.clock import Clock
from bocage_system.daemon import notify_ready
from bocage_system.durable import read_limited
from bocage_system.local_socket import serve

SOCKET_MODE = 0o660
_MAX_OWNERS_BYTES = 4096


def run(box: Box, stop: threading.Event) -> None:
    """Answer the other units until `stop`.

    Raises:
        KeeperError: a key is missing or does not belong to the box's card.
        ConfigError: the box's card is missing or damaged.
    """
    clock = box.clock()
    owners = read_owners(box.owners)
    service = open_service(box, clock)
    service.write_own("started", f"started:{clock.now()}", "box", unit="keeper")

    def _answer(uid: int, message: Message) -> Message:
        return service.answer(owners.unit_of(uid), message)

    notify_ready()
    serve(box.keeper_socket, _answer, stop, mode=SOCKET_MODE)
    service.write_own("stopped", f"stopped:{clock.now()}", "box", unit="keeper")


def open_service(box: Box, clock: Clock) -> Service:
    """Load keys and ledgers.

    Raises:
        KeeperError: a key is missing or does not belong to the box's card.
        ConfigError: the box's card is missing or damaged.
    """
    keys = load_keys(box)
    card = load_card(box)
    if keys.identity_public != card.identity_key:
        raise KeeperError(
            "the identity key is not the one on the box's card", "restore both from one backup"
        )
    own = OwnLedger(box.ledger_db, keys.sign)
    return Service(box, card.device, keys, own, PartnerLedger(box.ledger_db), clock)


def read_owners(path: Path) -> Owners:
    """Read which user each unit runs as.

    Raises:
        KeeperError: the file is missing or damaged.
    """
    try:
        return parse_owners(read_limited(path, _MAX_OWNERS_BYTES).decode())
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise KeeperError(f"{path.name} is missing or damaged", "run: bocage-edge setup") from error
