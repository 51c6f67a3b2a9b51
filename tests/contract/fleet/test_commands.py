from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.errors import MessageError, SignatureError
from bocage_contract.fleet.commands import (
    Command,
    Echo,
    NotOursError,
    Reboot,
    ReplayedError,
    open_command,
    seal_command,
)
from tests.contract.keys import identity, public

KEY, STRANGER = identity(1), identity(2)
OURS = "ab" * 32


def command(**changes: Any) -> Command:
    values: dict[str, Any] = {
        "id": "0" * 32,
        "audience": OURS,
        "counter": 8,
        "issued_at": 1_790_000_000,
        "act": Echo(destination="pacs"),
    }
    return Command(**values | changes)


def sealed(wanted: Command, key: Ed25519PrivateKey = KEY) -> bytes:
    return seal_command(wanted, key.sign, public(key))


def test_a_command_is_read_by_the_box_it_is_for() -> None:
    assert open_command(sealed(command()), {public(KEY)}, OURS, taken=7) == command()


def test_a_command_is_taken_once() -> None:
    for taken in (8, 9):
        with pytest.raises(ReplayedError):
            open_command(sealed(command()), {public(KEY)}, OURS, taken=taken)


def test_a_command_for_another_box_is_not_ours() -> None:
    with pytest.raises(NotOursError):
        open_command(sealed(command(audience="cd" * 32)), {public(KEY)}, OURS, taken=0)


def test_a_command_of_a_stranger_is_refused() -> None:
    with pytest.raises(SignatureError):
        open_command(sealed(command(), STRANGER), {public(KEY)}, OURS, taken=0)


def test_an_act_this_release_does_not_know_is_refused() -> None:
    value = command(act=Reboot()).to_json()
    value["act"] = {"kind": "run_shell", "line": "id"}
    with pytest.raises(MessageError):
        Command.of(value)
