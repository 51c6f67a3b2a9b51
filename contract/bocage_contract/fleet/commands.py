"""What the console may ask of a box: few things, signed, each once.

A command names the box it is for and carries a counter that only grows; a box that has taken
counter n takes nothing up to n again. Signed by a key the keyset gives the purpose `command`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.canonical import canonical_json
from bocage_contract.errors import ContractError
from bocage_contract.model import Model
from bocage_contract.names import Hex32, Hex64, Label, LinkId
from bocage_contract.signing import Signer, open_envelope, seal_envelope

COMMAND_TYPE = "bocage.command"


class NotOursError(ContractError):
    """A command is well signed, but for another box."""


class ReplayedError(ContractError):
    """A command is well signed and for this box, which has already taken it or a later one."""


class Echo(Model):
    """Ask a destination whether it is there."""

    kind: Literal["echo"] = "echo"
    destination: Label


class Resend(Model):
    """Offer an object to the partner again."""

    kind: Literal["resend"] = "resend"
    object: Hex64


class RotateTunnel(Model):
    """Make the next generation of the tunnel key; the card with it goes up in `reported`."""

    kind: Literal["rotate_tunnel"] = "rotate_tunnel"
    link: LinkId
    generation: int = Field(ge=2, lt=1 << 31)


class Support(Model):
    """Collect a support bundle without patient data and hand it to the gate."""

    kind: Literal["support"] = "support"


class Reboot(Model):
    """Start the machine anew, once no urgent exam is moving."""

    kind: Literal["reboot"] = "reboot"


class Lock(Model):
    """Forget the opening key until the next unlock."""

    kind: Literal["lock"] = "lock"


Act = Annotated[Echo | Resend | RotateTunnel | Support | Reboot | Lock, Field(discriminator="kind")]


class Command(Model):
    """One command. Since contract 1."""

    contract: int = CONTRACT
    id: Hex32
    audience: Hex64 = Field(description="Fingerprint of the identity of the box it is for.")
    counter: int = Field(ge=1, lt=1 << 53)
    issued_at: int = Field(ge=0, description="Unix seconds.")
    act: Act


def seal_command(command: Command, signer: Signer, key: bytes) -> bytes:
    """Sign a command."""
    return seal_envelope(COMMAND_TYPE, canonical_json(command.to_json()), signer, key)


def open_command(raw: bytes, trusted: Collection[bytes], audience: str, taken: int) -> Command:
    """Read a command for this box that it has not taken yet.

    Args:
        trusted: public keys that may sign commands.
        audience: fingerprint of our own identity.
        taken: the highest counter taken so far.

    Raises:
        SignatureError: not signed by a trusted key.
        MessageError: signed, but no command this release knows.
        NotOursError, ReplayedError: what they say.
    """
    command = Command.read(open_envelope(raw, COMMAND_TYPE, trusted))
    if command.audience != audience:
        raise NotOursError("this command is for another box")
    if command.counter <= taken:
        raise ReplayedError(f"command {command.counter} is not newer than {taken}")
    return command
