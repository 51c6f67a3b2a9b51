"""Bringing up the two boxes by the commands two sites' people would type.

Set-up, cards, configurations, pairing by the six words, unlocking by the paper code: nothing is put
into a box by another way.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.card import open_card
from bocage_contract.configuration import Desired, seal_desired
from bocage_contract.convention.model import Convention
from bocage_contract.fingerprint import fingerprint
from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.desired import (
    DICOM_PORT,
    LINK_ID,
    RELAY_PORT,
    Identity,
    approved,
    hospital_desired,
    practice_desired,
)
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.waiting import wait_until
from bocage_provisioning.signing import one_root_keyset

TUNNEL_TIMEOUT_S = 30.0

T = TypeVar("T")


class Signer:
    """Signs configurations with a key made for this laboratory."""

    def __init__(self) -> None:
        """Make the key; it lives as long as this object."""
        self._key = Ed25519PrivateKey.generate()
        self._public = self._key.public_key().public_bytes_raw()
        signs = [base64.b64encode(self._public).decode()]
        root = Ed25519PrivateKey.generate()
        self.keyset = one_root_keyset(root, signs, 1, int(time.time()))

    def load(self, box: LabBox, desired: Desired) -> None:
        """Sign a configuration and put it in force on a box."""
        path = box.state.parent / f"{box.name}.desired.json"
        path.write_bytes(seal_desired(desired, self._key.sign, self._public))
        box.cli("config", "load", str(path))


def bring_up(
    lab: Laboratory,
    tell: Callable[[str], None] = lambda _: None,
    convention: Convention | None = None,
) -> Signer:
    """Bring both boxes from nothing to a working link.

    Args:
        tell: takes a line for each step, for a person who watches.
        convention: approved here, for both sites; None: the link has none.

    Returns:
        The signer, for whoever changes a configuration later.

    Raises:
        CommandError: a command failed.
        LabError: something did not come up in its time; the message names the log.
    """
    signer = Signer()
    hospital, practice = lab.hospital, lab.practice
    boxes = (practice, hospital)  # the one that is called first: the first call is heard
    tell("first boot of both boxes: keys and cards")
    own, partner = _at_once(
        lambda: first_boot(hospital, f"hospital-{lab.topology.name}", signer),
        lambda: first_boot(practice, f"practice-{lab.topology.name}", signer),
    )
    tell("signed configurations")
    now = int(time.time())
    agreed = [] if convention is None else [approved(convention, now)]
    _at_once(
        lambda: signer.load(hospital, hospital_desired(own, partner, now, agreed)),
        lambda: signer.load(practice, practice_desired(partner, own, now, agreed)),
    )
    for box in boxes:
        box.start("keeper")
    for box in boxes:
        box.wait_keeper()
    tell("the two sites read each other's six words")
    _at_once(lambda: confirm(hospital, practice), lambda: confirm(practice, hospital))
    tell("tunnel, then the other units")
    for box in boxes:
        box.start("link", "receive", "relay", "deliver")
    _at_once(hospital.unlock, practice.unlock)
    wait_ready(lab)
    return signer


def replace_practice(lab: Laboratory, signer: Signer) -> None:
    """Put a new box in the place of the practice's, which is gone with all it held.

    Raises:
        CommandError, LabError: as `bring_up`.
    """
    hospital, practice = lab.hospital, lab.practice
    own_card = practice.state.parent / f"{hospital.name}.card.json"
    hospital.cli("card", "--out", str(own_card))
    raw = own_card.read_bytes()
    card = open_card(raw)
    own = Identity(card.device, fingerprint(card.identity_key), json.loads(raw))
    practice.cut_power()
    practice.erase()
    new = first_boot(practice, f"practice-{lab.topology.name}", signer)
    revision = 1 + json.loads(hospital.cli("config", "show"))["revision"]
    now = int(time.time())
    desired = hospital_desired(own, new, now).model_copy(update={"revision": revision})
    signer.load(hospital, desired)
    signer.load(practice, practice_desired(new, own, now))
    practice.start("keeper")
    practice.wait_keeper()
    _at_once(lambda: confirm(hospital, practice), lambda: confirm(practice, hospital))
    practice.start("link", "receive", "relay", "deliver")
    practice.unlock()
    wait_ready(lab)


def wait_ready(lab: Laboratory) -> None:
    """Wait until both boxes take DICOM and the tunnel between them is up.

    Raises:
        LabError: not in time.
    """
    for box in (lab.hospital, lab.practice):
        box.wait_listening("receive", DICOM_PORT)
        box.wait_listening("relay", RELAY_PORT)
        wait_until(
            lambda box=box: is_tunnel_up(box),  # type: ignore[misc]
            TUNNEL_TIMEOUT_S,
            f"{box.name}: tunnel (see {box.logs})",
        )


def is_tunnel_up(box: LabBox) -> bool:
    """Say whether the box's link unit sees its tunnel up."""
    status = box.status("link") or {}
    links = status.get("links") or []
    return bool(links) and all(link.get("up") for link in links)


def _at_once(first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    """Do what two people at two sites do at the same time."""
    with ThreadPoolExecutor(2) as people:
        done = [people.submit(first), people.submit(second)]
        return done[0].result(), done[1].result()


def first_boot(box: LabBox, device: str, signer: Signer) -> Identity:
    """Set a box up; gives what its site tells the other one.

    Raises:
        CommandError: it failed.
    """
    box.set_up(device, signer.keyset)
    path: Path = box.state.parent / f"{box.name}.card.json"
    box.cli("card", "--out", str(path))
    raw = path.read_bytes()
    return Identity(device, fingerprint(open_card(raw).identity_key), json.loads(raw))


def confirm(box: LabBox, partner: LabBox, link: str = LINK_ID) -> None:
    """Let somebody at a box's site confirm the partner's six words.

    Raises:
        CommandError: they are not the partner's.
    """
    words = () if partner.paper is None else partner.paper.words
    box.cli("pair", "confirm", link, "--words", " ".join(words))
