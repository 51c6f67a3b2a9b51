"""Start a program where its user could not reach it: open a way to some folders, then exec.

A checkout, a virtual environment or a Python in a person's home is closed to the units' users.
`ip netns exec` gives every command a mount namespace of its own; in it each closed folder is
covered by an empty, open one, and just the folders that are needed are bound at their own paths,
read-only. This program alone sees that, and it is gone with it: nothing has to be taken down.

Usage: launch.py [cover=FOLDER]... [keep=FOLDER]... -- PROGRAM [ARGUMENT]...
(standard library only: it runs before our packages can be found)
"""

from __future__ import annotations

import ctypes
import os
import sys

# Source: mount(2), linux/mount.h
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 0x1, 0x2, 0x4, 0x20
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def main(arguments: list[str]) -> None:
    """Arrange the folders, then become the program."""
    split = arguments.index("--")
    words = [word.partition("=") for word in arguments[:split]]
    covered = [folder for kind, _, folder in words if kind == "cover"]
    # Opened before they are covered.
    kept = [
        (folder, os.open(folder, os.O_PATH | os.O_DIRECTORY))
        for kind, _, folder in words
        if kind == "keep"
    ]
    os.chdir("/")
    mask = os.umask(0o022)
    # Whatever the machine's mounts do, ours do not travel back to it.
    _mount(None, "/", None, MS_REC | MS_PRIVATE)
    for folder in covered:
        _mount("none", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    for folder, descriptor in kept:
        os.makedirs(folder, exist_ok=True)
        _mount(f"/proc/self/fd/{descriptor}", folder, None, MS_BIND)
        _mount(None, folder, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
        os.close(descriptor)
    os.umask(mask)
    program = arguments[split + 1 :]
    os.execvp(program[0], program)  # noqa: S606 — an argument list, no shell


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = [None if word is None else word.encode() for word in (source, target, kind, options)]
    if libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


if __name__ == "__main__":
    main(sys.argv[1:])
