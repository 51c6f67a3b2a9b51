"""The sites' own equipment: DCMTK as modality, PACS and reading station.

DCMTK waits 45 ms an instance unless its environment has TCP_NODELAY=1, and its receiver serves one
association at a time without --fork (both measured).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bocage_provisioning.lab.processes import Owner, Program

ENVIRONMENT = {"TCP_NODELAY": "1"}
OWNER = Owner(31020, 31020)
# The words alone: storescp forks, its children write into one log at once, and neither the start of
# a line nor the level before the words comes in one piece with them.
STORED = re.compile(r"Received Store Request \(MsgID")
ACCEPT_ALL = ("--accept-all",)  # every transfer syntax DCMTK knows


@dataclass(frozen=True, slots=True)
class Peer:
    """A receiving AE of a site."""

    name: str
    aet: str
    port: int
    namespace: str
    received: Path
    log: Path

    def program(self, options: Sequence[str] = ACCEPT_ALL) -> Program:
        """Describe its storescp; files keep exactly the bytes that came."""
        return Program(
            name=self.name,
            argv=(
                *("storescp", "--fork", "--bit-preserving", "--verbose", *options),
                *("--aetitle", self.aet, "--filename-extension", ".dcm"),
                *("--output-directory", str(self.received), str(self.port)),
            ),
            namespace=self.namespace,
            owner=OWNER,
            log=self.log,
            env=ENVIRONMENT,
        )

    def files(self) -> list[Path]:
        """List what it has received, or is receiving: the last one may not be whole yet.

        An instance that comes again takes the place of the first; `stores` counts both.
        """
        return sorted(self.received.glob("*.dcm"))

    def stores(self) -> int:
        """Count the instances that reached it, those that came again too."""
        return len(STORED.findall(self.log.read_text(errors="replace"))) if self.log.exists() else 0


def send_argv(
    files: Sequence[Path],
    *,
    called_aet: str,
    calling_aet: str,
    to: tuple[str, int],
    options: Sequence[str] = (),
) -> list[str]:
    """Write a dcmsend command; see dcmsend(1)."""
    address, port = to
    return [
        *("env", *(f"{name}={value}" for name, value in ENVIRONMENT.items())),
        *("dcmsend", "--verbose", "--aetitle", calling_aet, "--call", called_aet, *options),
        *(address, str(port), *(str(file) for file in files)),
    ]


def echo_argv(*, called_aet: str, calling_aet: str, to: tuple[str, int]) -> list[str]:
    """Write a C-ECHO command; see echoscu(1)."""
    address, port = to
    return ["echoscu", "-to", "10", "-aet", calling_aet, "-aec", called_aet, address, str(port)]
