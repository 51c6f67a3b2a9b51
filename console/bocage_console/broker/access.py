"""Who may say what on the broker: one list, made anew from the enrolled boxes. Pure.

A box that is not on it may connect as long as its certificate is good, and then say and hear
nothing; so taking a box off the list is what fences it, and nothing depends on a revocation list
being read. Mosquitto reads the list again at SIGHUP, and asks it for every message.

Source: mosquitto.conf(5), acl_file.
"""

from __future__ import annotations

from collections.abc import Iterable

from bocage_contract.fleet.topics import Down, Up, of_every_box, topic

# A dot stands in no name of a box, so no box can be called so.
INGEST = "console.ingest"
SELFTEST = "console.selftest"
WITNESS = "console.witness"
# What the self-test speaks about; no box is called so, and nobody else may say or hear it.
TRIED = "selftest-tried"


def access_list(devices: Iterable[str]) -> str:
    """Write the list.

    Args:
        devices: names of the boxes that are enrolled and not fenced.
    """
    lines = [f"user {INGEST}"]
    lines += [f"topic read {of_every_box(leaf)}" for leaf in Up]
    lines += [f"topic write {of_every_box(leaf)}" for leaf in Down]
    lines += ["", f"user {WITNESS}", f"topic write {topic(TRIED, Down.DESIRED)}"]
    for device in sorted(set(devices)):
        lines += ["", f"user {device}"]
        lines += [f"topic write {topic(device, leaf)}" for leaf in Up]
        lines += [f"topic read {topic(device, leaf)}" for leaf in Down]
    return "\n".join(lines) + "\n"


def devices_of(text: str) -> frozenset[str]:
    """Name the boxes of a list that was written before."""
    users = (line.removeprefix("user ") for line in text.splitlines() if line.startswith("user "))
    return frozenset(each for each in users if "." not in each)
