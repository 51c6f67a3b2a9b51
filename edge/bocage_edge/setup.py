"""First boot: make the box's keys and folders, once.

Nothing secret leaves: the recovery key and the paper code are given back for printing and kept
nowhere on the box. Making keys twice would cut the box off from what was sealed to the first ones,
so a box that has keys is left as it is.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bocage_contract.card import Card, TunnelKey, seal_card
from bocage_edge.configuration import verify_keyset
from bocage_edge.errors import ConfigError
from bocage_edge.link.keys import make_tunnel_key
from bocage_edge.paths import Box
from bocage_edge.seal.keys import new_key, new_paper_code, wrap
from bocage_edge.units import Owners, format_owners
from bocage_system.command import Host
from bocage_system.durable import write_atomic


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a box, its owner and its mode."""

    path: Path
    uid: int
    gid: int
    mode: int


@dataclass(frozen=True, slots=True)
class Paper:
    """What the site prints and keeps in its safe.

    Args:
        recovery_key: age secret key; opens what is sealed to this site, with the `age` program.
        code: unlocks the opening key after a restart.
    """

    recovery_key: str
    code: str


def folders(box: Box, owners: Owners) -> Iterator[Folder]:
    """List the folders of a box, outer ones first.

    Shared folders carry the set-group-id bit, so that what one unit makes another may use, and
    those in memory the sticky bit, so that no unit removes another's socket.
    """
    admin, group = os.getuid(), owners.gid
    yield Folder(box.state, admin, group, 0o750)
    yield Folder(box.desired.parent, admin, group, 0o750)
    yield Folder(box.keeper_dir, owners.uids["keeper"], group, 0o700)
    yield Folder(box.pins.parent, owners.uids["keeper"], group, 0o750)
    yield Folder(box.link_dir, owners.uids["link"], group, 0o700)
    yield Folder(box.state / "relay", owners.uids["relay"], group, 0o700)
    yield Folder(box.agent_dir, owners.uids["agent"], group, 0o700)
    yield Folder(box.inbox, owners.uids["agent"], group, 0o2770)
    for inner in ("", "objects", "incoming", "corrupt"):
        yield Folder(box.spool / inner, admin, group, 0o2770)
    yield from run_folders(box, owners)


def run_folders(box: Box, owners: Owners) -> Iterator[Folder]:
    """List the folders in memory, which every boot makes again."""
    admin, group = os.getuid(), owners.gid
    yield Folder(box.run, admin, group, 0o3770)
    yield Folder(box.status("x").parent, admin, group, 0o3770)
    yield Folder(box.doorbell("x").parent, admin, group, 0o3770)
    yield Folder(box.opening_dir, owners.uids["deliver"], group, 0o700)
    yield Folder(box.gate_secret.parent, owners.uids["agent"], group, 0o2770)


def make_folders(wanted: Iterator[Folder]) -> None:
    """Make folders that are missing, and set owner and mode of all.

    Raises:
        OSError: not allowed, or the medium refused.
    """
    for folder in wanted:
        folder.path.mkdir(parents=True, exist_ok=True)
        os.chown(folder.path, folder.uid, folder.gid)
        folder.path.chmod(folder.mode)


def make_keys(
    box: Box, host: Host, owners: Owners, device: str, keyset: bytes | None, now: float
) -> Paper:
    """Make every key of a new box, its card, and its paper.

    The card is written last: a box without a card has no keys that matter, and set-up that was
    cut short starts over.

    Args:
        device: the box's id.
        keyset: which keys may sign its configuration; None: enrolment will say.
        now: Unix seconds.

    Raises:
        ConfigError: the box has keys already, or the keyset is none.
    """
    if keyset is not None:
        verify_keyset(keyset, None)
    if box.card.exists():
        raise ConfigError(
            "this box has its keys already", "a replaced box gets a new, empty state folder"
        )
    make_folders(folders(box, owners))
    group = owners.gid
    _write(box.owners, format_owners(owners).encode(), 0o640, os.getuid(), group)
    if keyset is not None:
        _write(box.keyset, keyset, 0o640, os.getuid(), group)
    identity, agreement = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    keeper = owners.uids["keeper"]
    _write(box.identity_key, identity.private_bytes_raw(), 0o600, keeper, group)
    _write(box.agreement_key, agreement.private_bytes_raw(), 0o600, keeper, group)
    tunnel_public = make_tunnel_key(host, box.tunnel_key(1))
    opening, recovery, code = new_key(), new_key(), new_paper_code()
    # Deliver's own: what the gate gives comes through the agent, which cannot read this.
    deliver = owners.uids["deliver"]
    _write(box.opening_wrapped, wrap(opening.secret, code), 0o600, deliver, group)
    card = Card(
        device=device,
        serial=1,
        identity=_text(identity.public_key().public_bytes_raw()),
        agreement=_text(agreement.public_key().public_bytes_raw()),
        tunnels=[TunnelKey(generation=1, public_key=tunnel_public)],
        opening=opening.recipient,
        recovery=recovery.recipient,
        made_at=int(now),
    )
    _write(box.card, seal_card(card, identity.sign), 0o644, os.getuid(), group)
    return Paper(recovery.secret, code)


def _write(path: Path, data: bytes, mode: int, uid: int, gid: int) -> None:
    write_atomic(path, data, mode=mode)
    os.chown(path, uid, gid)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
