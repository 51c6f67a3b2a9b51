"""A partner's keys changed without a confirmation here: nothing is sealed, nothing leaves."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.card import open_card, seal_card
from bocage_contract.configuration import Desired
from bocage_contract.fingerprint import words
from bocage_provisioning.lab.desired import LINK_ID
from bocage_provisioning.lab.laboratory import Laboratory
from bocage_provisioning.lab.topology import Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import CommandError
from tests.integration.files import small
from tests.integration.road import Road, a_road

pytestmark = pytest.mark.integration

NOT_READY = 0xA701


@pytest.fixture(scope="module")
def other_road() -> Iterator[Road]:
    """A laboratory of its own: its configuration is changed."""
    with a_road("changed", Laboratory("changed", line=Line(rate_mbit=0, delay_ms=5))) as up:
        yield up


def with_card(road: Road, card: dict[str, Any]) -> Desired:
    """The hospital's configuration with another card of the partner, one revision on."""
    document = json.loads(road.lab.hospital.cli("config", "show"))
    document["revision"] += 1
    document["links"][0]["partner_card"] = card
    return Desired.of(document)


def test_a_partner_with_other_keys_gets_nothing_until_somebody_confirms(
    other_road: Road, tmp_path: Path
) -> None:
    """A console that was taken over swaps the card; the box notices and stops."""
    lab, hospital = other_road.lab, other_road.lab.hospital
    assert [answer.status for answer in other_road.send([small(tmp_path).path])] == [0]
    other_road.wait_settled()
    arrived = lab.station.stores()
    true_card = json.loads(hospital.cli("config", "show"))["links"][0]["partner_card"]

    # Something waits in the spool while the card is swapped: it must not leave either.
    lab.cut()
    waiting = small(tmp_path)
    assert [answer.status for answer in other_road.send([waiting.path])] == [0]
    forger = Ed25519PrivateKey.generate()
    forged = open_card(canonical(true_card))
    forged = forged.model_copy(
        update={
            "identity": base64.b64encode(forger.public_key().public_bytes_raw()).decode(),
            "opening": str(pyrage.x25519.Identity.generate().to_public()),
        }
    )
    card = json.loads(seal_card(forged, forger.sign))
    other_road.signer.load(hospital, with_card(other_road, card))
    wait_until(lambda: other_road_is_stopped(other_road), 20, "the link to stop")
    lab.restore()

    refused = other_road.send([small(tmp_path).path])
    assert [answer.status for answer in refused] == [NOT_READY]
    assert refused[0].comment
    said = json.loads(hospital.cli("doctor", "--json", ok=(0, 1, 2)))
    alarms = [f["text"] for f in said["findings"] if f["text"].startswith("ALARM")]
    assert any("CHANGED" in text for text in alarms)
    assert lab.station.stores() == arrived

    # The words of the card the console brought are not those the practice reads out.
    true_words = words(open_card(canonical(true_card)).identity_key, "fr")
    with pytest.raises(CommandError, match="not the words"):
        hospital.cli("pair", "confirm", LINK_ID, "--words", " ".join(true_words))

    # The true card again: the pinned identity signed it, so no new confirmation is needed.
    other_road.signer.load(hospital, with_card(other_road, true_card))
    other_road.wait_settled()
    assert lab.station.stores() == arrived + 1
    other_road.verify_spools()


def other_road_is_stopped(road: Road) -> bool:
    """Whether relay and tunnel have let go of the link."""
    relayed = (road.lab.hospital.status("relay") or {}).get("links") or [{}]
    tunnels = (road.lab.hospital.status("link") or {}).get("links") or [{}]
    return bool(relayed[0].get("blocked")) and not tunnels[0].get("partner_confirmed", True)


def canonical(card: dict[str, Any]) -> bytes:
    """A card's envelope as bytes."""
    return json.dumps(card, sort_keys=True, separators=(",", ":")).encode()
