"""The units of a box: one process a duty, each under its own user with what it needs and no more.

This table is the one description; the system's unit files, the folders' owners and the laboratory
follow it. Source: docs/adr/0001.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

GROUP = "bocage"
ADMINISTRATOR = "admin"  # root and nobody else


@dataclass(frozen=True, slots=True)
class Unit:
    """One process of a box.

    Args:
        capabilities: what it keeps of root's powers (capabilities(7)); empty: runs as its own user.
    """

    name: str
    duty: str
    capabilities: tuple[str, ...] = ()

    @property
    def user(self) -> str:
        """The system user it runs as."""
        return "root" if self.capabilities else f"bocage-{self.name}"


KEEPER = Unit("keeper", "holds the identity key, signs, writes the ledger")
# NET_RAW: the echo requests that find the path MTU.
LINK = Unit("link", "tunnel, firewall, clock", ("CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_TIME"))
RECEIVE = Unit("receive", "takes DICOM from the site and seals it")
RELAY = Unit("relay", "moves sealed objects between two boxes")
DELIVER = Unit("deliver", "opens, verifies and delivers at the site")
AGENT = Unit("agent", "speaks with the console; touches no exam")

# In the order they are started: each needs at most those before it.
UNITS = (KEEPER, LINK, RECEIVE, RELAY, DELIVER, AGENT)


@dataclass(frozen=True, slots=True)
class Owners:
    """Numeric owners: who a unit is for the kernel.

    Args:
        uids: unit name -> uid.
        gid: the group the units share (spool, sockets).
    """

    uids: Mapping[str, int]
    gid: int

    def unit_of(self, uid: int) -> str | None:
        """Name the unit a user is, `ADMINISTRATOR` for root, None for a stranger.

        Where a developer runs everything as one plain user, that user is the administrator.
        """
        for name, owner in self.uids.items():
            if owner == uid and owner not in (0, os.getuid()):
                return name
        return ADMINISTRATOR if uid in (0, os.getuid()) else None


def parse_owners(text: str) -> Owners:
    """Read owners written as "receive=31001,relay=31002,…,group=31000".

    Raises:
        ValueError: a unit is missing or a number is not one.
    """
    numbers = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        numbers[name.strip()] = int(number)
    gid = numbers.pop("group")
    missing = [unit.name for unit in UNITS if unit.name not in numbers]
    if missing:
        raise ValueError(f"no owner for {', '.join(missing)}")
    return Owners(numbers, gid)


def format_owners(owners: Owners) -> str:
    """Write owners as `parse_owners` reads them."""
    units = ",".join(f"{name}={uid}" for name, uid in sorted(owners.uids.items()))
    return f"{units},group={owners.gid}"


def system_owners() -> Owners:
    """Look up the users the package made.

    Raises:
        KeyError: a user or the group does not exist.
    """
    uids = {unit.name: pwd.getpwnam(unit.user).pw_uid for unit in UNITS}
    return Owners(uids, grp.getgrnam(GROUP).gr_gid)


def own_owners() -> Owners:
    """Everything belongs to whoever runs this: for one plain user with a checkout."""
    return Owners({unit.name: os.getuid() for unit in UNITS}, os.getgid())
