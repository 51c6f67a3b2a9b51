"""The configurations of the laboratory's two boxes, signed by a key the laboratory makes. Pure.

A console will do this one day; the boxes cannot tell the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.configuration import Desired
from bocage_contract.convention.approval import Approved, Role, approve
from bocage_contract.convention.model import Convention
from bocage_provisioning.lab import topology

LINK_ID = "flers-thury"
HOSPITAL, PRACTICE = "hospital", "practice"

DICOM_PORT = 11112  # of the boxes and of the peers
PACS_PORT = 11113
RELAY_PORT = 7431
HL7_PORT = 2575

ROUTINE_AET, URGENT_AET, PRIOR_AET, REPORT_AET = "FLERS", "FLERS_URG", "FLERS_OLD", "FLERS_RPT"
MODALITY_AET, PACS_AET, STATION_AET, BOX_AET = "MODALITY", "PACS", "STATION", "BOCAGE"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a box's set-up gave for the other side.

    Args:
        device: the box's id.
        fingerprint: of its identity key, hex.
        card: its signed card, as a JSON object.
    """

    device: str
    fingerprint: str
    card: dict[str, Any]


def hospital_desired(
    own: Identity, partner: Identity, issued_at: int, conventions: Sequence[Approved] = ()
) -> Desired:
    """Write the hospital's configuration: three services into the link, reports to the PACS."""
    return Desired.model_validate(
        {
            **_frame(own, issued_at, "Hôpital de Flers"),
            "receive": {
                **_receive(
                    (MODALITY_AET, (topology.MODALITY_ADDRESS,)),
                    # The PACS calls from the modality's address: the namespace has one default.
                    (PACS_AET, (topology.MODALITY_ADDRESS, topology.PACS_ADDRESS)),
                ),
                "hl7": _hl7(topology.MODALITY_ADDRESS),
            },
            "links": [
                {
                    **_link(own, partner, "requesting", conventions),
                    "tunnel": {
                        "address": topology.HOSPITAL_TUNNEL_ADDRESS,
                        "partner_address": topology.PRACTICE_TUNNEL_ADDRESS,
                        "listen_port": topology.WIREGUARD_PORT,
                        "endpoint": f"{topology.HOSPITAL_GATEWAY}:{topology.WIREGUARD_PORT}",
                        "keepalive_s": 25,
                    },
                    "services": [
                        {"aet": ROUTINE_AET, "class": "routine"},
                        {"aet": URGENT_AET, "class": "urgent"},
                        {"aet": PRIOR_AET, "class": "prior"},
                    ],
                    "deliver": [{"classes": None, "destinations": ["pacs"]}],
                }
            ],
            "destinations": [
                _destination("pacs", PACS_AET, topology.PACS_ADDRESS, PACS_PORT),
            ],
        }
    )


def with_ris(desired: Desired, host: str, port: int, **more: Any) -> Desired:
    """Give a configuration's next revision, in which a RIS takes what comes back by HL7.

    Args:
        more: further fields of the destination, e.g. `charset`.
    """
    value = desired.to_json()
    value["revision"] += 1
    value["destinations"].append({"name": "ris", "kind": "hl7", "host": host, "port": port, **more})
    for link in value["links"]:
        for rule in link["deliver"]:
            rule["destinations"].append("ris")
    return Desired.of(value)


def practice_desired(
    own: Identity, partner: Identity, issued_at: int, conventions: Sequence[Approved] = ()
) -> Desired:
    """Write the practice's configuration: exams to the station, a service for its reports."""
    return Desired.model_validate(
        {
            **_frame(own, issued_at, "Cabinet de Thury"),
            "receive": {
                **_receive((STATION_AET, (topology.STATION_ADDRESS,))),
                "hl7": _hl7(topology.STATION_ADDRESS),
            },
            "links": [
                {
                    **_link(own, partner, "reading", conventions),
                    "tunnel": {
                        "address": topology.PRACTICE_TUNNEL_ADDRESS,
                        "partner_address": topology.HOSPITAL_TUNNEL_ADDRESS,
                        "listen_port": topology.WIREGUARD_PORT,
                        "endpoint": None,
                        "keepalive_s": None,
                    },
                    "services": [{"aet": REPORT_AET, "class": "report"}],
                    "deliver": [{"classes": None, "destinations": ["station"]}],
                }
            ],
            "destinations": [
                _destination("station", STATION_AET, topology.STATION_ADDRESS, DICOM_PORT),
            ],
        }
    )


def _frame(own: Identity, issued_at: int, site: str) -> dict[str, Any]:
    return {
        "device": own.device,
        "audience": own.fingerprint,
        "revision": 1,
        "issued_at": issued_at,
        "site": {
            "name": site,
            "lan": [topology.LAN],
            "language": "fr",
            # The laboratory's instances name no issuer, as most modalities' do.
            "issuers": [{"name": site.split()[-1].upper(), "assumed": True}],
        },
    }


def _receive(*callers: tuple[str, tuple[str, ...]]) -> dict[str, Any]:
    return {
        "address": topology.BOX_LAN_ADDRESS,
        "port": DICOM_PORT,
        "callers": [{"aet": aet, "addresses": list(addresses)} for aet, addresses in callers],
    }


def _hl7(sender: str) -> dict[str, Any]:
    """Let the site's information system, at an address, send its messages into the one link."""
    ris = {"name": "ris", "addresses": [sender], "links": [{"link": LINK_ID}]}
    return {"port": HL7_PORT, "senders": [ris]}


def approved(convention: Convention, at: int) -> Approved:
    """Have a convention approved by two people the laboratory makes up, one for each site."""
    people: tuple[tuple[Role, str], ...] = (
        ("requesting", "Directrice de l'hôpital"),
        ("reading", "Gérant du cabinet"),
    )
    approvals = []
    for role, name in people:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        approvals.append(approve(convention, role, name, at, key.sign, public))
    return Approved(convention=convention, approvals=approvals)


def _link(
    own: Identity, partner: Identity, role: str, conventions: Sequence[Approved]
) -> dict[str, Any]:
    agreed = [each.to_json() for each in conventions]
    return {
        **({"conventions": agreed} if agreed else {}),
        "id": LINK_ID,
        "role": role,
        "partner": partner.device,
        "partner_card": partner.card,
        "relay_port": RELAY_PORT,
    }


def _destination(name: str, aet: str, host: str, port: int) -> dict[str, Any]:
    return {"name": name, "aet": aet, "host": host, "port": port, "calling_aet": BOX_AET}
