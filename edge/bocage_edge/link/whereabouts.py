"""Where a partner that calls us was heard from last.

No configuration names its endpoint, and WireGuard forgets it with the interface. Until the partner
finds its session dead (15 s at the least) nobody could begin a handshake; with this we do. It is a
hint: what is wrong in it costs one handshake that comes to nothing, and the partner calls as ever.

Source: WireGuard paper, section 6.5 (REKEY-TIMEOUT + KEEPALIVE-TIMEOUT).
"""

from __future__ import annotations

import json
from pathlib import Path

from bocage_edge.link.endpoint import format_endpoint, parse_endpoint
from bocage_system.durable import read_limited, write_atomic

_LIMIT_BYTES = 1 << 20


class Whereabouts:
    """One endpoint a link, in a file that outlives a power cut."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a missing or damaged file means nothing is known."""
        self._path = path
        self._known = _read(path)

    def of(self, link: str) -> str | None:
        """Give "address:port"; None where the partner was never heard."""
        return self._known.get(link)

    def note(self, link: str, endpoint: str) -> None:
        """Remember where the partner of a link is.

        Raises:
            OSError: the medium refused; it is known until this process ends.
        """
        if self._known.get(link) == endpoint:
            return
        self._known[link] = endpoint
        write_atomic(self._path, json.dumps(self._known, sort_keys=True).encode())


def _read(path: Path) -> dict[str, str]:
    try:
        value = json.loads(read_limited(path, _LIMIT_BYTES))
        return {str(link): _checked(endpoint) for link, endpoint in value.items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _checked(text: object) -> str:
    """Give an endpoint as `wg` takes it.

    Raises:
        ValueError: it is none; host names are none here.
    """
    endpoint = parse_endpoint(str(text))
    return format_endpoint(endpoint.host, endpoint.port)
