"""From what the console knows to the one document a box works by. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bocage_console.links.path import Path, Role
from bocage_console.sites.profile import Profile
from bocage_contract.configuration import Desired
from bocage_contract.convention.approval import Approved


@dataclass(frozen=True, slots=True)
class BoxSeen:
    """The box a document is for.

    Args:
        audience: fingerprint of its identity.
    """

    device: str
    audience: str
    profile: Profile


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """A link as one of its ends is to know it.

    Args:
        partner_card: the partner's signed card, as a JSON object; None: it has none (not enrolled
            yet, or fenced), so that the box drops its wg_peer.
    """

    link: str
    role: Role
    partner: str
    partner_card: dict[str, Any] | None
    path: Path
    conventions: Sequence[Approved] = ()


def compile_desired(
    box: BoxSeen, links: Sequence[LinkSeen], *, revision: int, issued_at: int
) -> Desired:
    """Write a box's configuration.

    Raises:
        MessageError: the parts do not fit together; every fault is named.
    """
    return Desired.of(
        {
            **box.profile.parts(),
            "device": box.device,
            "audience": box.audience,
            "revision": revision,
            "issued_at": issued_at,
            "links": [_link(seen) for seen in links],
        }
    )


def _link(seen: LinkSeen) -> dict[str, Any]:
    agreed = [each.to_json() for each in seen.conventions]
    return {
        **seen.path.end(seen.role).extras(),
        **({"conventions": agreed} if agreed else {}),
        "id": seen.link,
        "role": seen.role,
        "partner": seen.partner,
        "partner_card": seen.partner_card,
        "tunnel": seen.path.tunnel(seen.role),
        "relay_port": seen.path.relay_port,
    }
