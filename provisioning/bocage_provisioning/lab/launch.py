"""Start a program where its user could not reach it: bind folders to a place it can, then exec.

A checkout in a person's home is closed to the units' users. `ip netns exec` gives every command a
mount namespace of its own, so what is bound here is seen by this program alone and is gone with it;
nothing has to be taken down.

Usage: launch.py [FROM:TO]... -- PROGRAM [ARGUMENT]...      (standard library only)
"""

from __future__ import annotations

import ctypes
import os
import sys

# Source: mount(2), linux/mount.h
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_PRIVATE, MS_REC = 0x1, 0x20, 0x1000, 0x40000, 0x4000


def main(arguments: list[str]) -> None:
    """Bind, then become the program."""
    split = arguments.index("--")
    # Whatever the machine's mounts do, ours do not travel back to it.
    _mount(None, "/", MS_REC | MS_PRIVATE)
    for pair in arguments[:split]:
        source, _, target = pair.partition(":")
        _mount(source, target, MS_BIND)
        _mount(None, target, MS_BIND | MS_REMOUNT | MS_RDONLY)
    program = arguments[split + 1 :]
    os.execvp(program[0], program)  # noqa: S606 — an argument list, no shell


def _mount(source: str | None, target: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    encoded = source.encode() if source else None
    if libc.mount(encoded, target.encode(), None, ctypes.c_ulong(flags), None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


if __name__ == "__main__":
    main(sys.argv[1:])
