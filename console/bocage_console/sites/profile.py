"""What a box is told of the site it stands at. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any

from pydantic import Field

from bocage_contract.configuration import Receive, Site
from bocage_contract.model import Model
from bocage_contract.names import Network

_OURS = frozenset({"addresses"})


class Profile(Model):
    """A site's part of its box's configuration.

    What stands here beyond the named fields goes into the box's configuration as it is, so that a
    console does not hold back what a newer contract knows.
    """

    addresses: list[Network] = Field(
        default_factory=list,
        description="Where the site's box calls the console from; an unlock from elsewhere waits"
        " for a click. Empty: from anywhere.",
    )
    site: Site
    receive: Receive
    destinations: list[dict[str, Any]] = Field(default_factory=list, max_length=64)

    def parts(self) -> dict[str, Any]:
        """Give what goes into the box's configuration, as JSON values."""
        return {name: value for name, value in self.to_json().items() if name not in _OURS}

    def is_known(self, address: str) -> bool:
        """Say whether an address is one of the site's."""
        if not self.addresses:
            return True
        there = ipaddress.ip_address(address)
        mapped = getattr(there, "ipv4_mapped", None)
        there = mapped if mapped is not None else there
        return any(there in ipaddress.ip_network(each) for each in self.addresses)
