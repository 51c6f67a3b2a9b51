"""How the units' users get at our code, wherever on the machine it lies.

A checkout, a virtual environment or a Python in a person's home is closed to other users. Here it
is worked out which folders are in the way and which are needed; `launch.py` opens the way.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bocage_provisioning.lab.errors import LabError

PACKAGES = ("bocage_contract", "bocage_system", "bocage_edge")
LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Way:
    """What stands between a user and the code.

    Args:
        covered: closed folders, to be covered by open ones.
        kept: folders inside those that are needed.
    """

    covered: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """An interpreter that finds our packages, and the way to it."""

    python: Path
    python_path: str
    way: Way


def find_code() -> Code:
    """Work out how another user can run our code.

    Raises:
        LabError: a package is missing, or a folder itself is closed to other users.
    """
    roots = package_roots()
    python = Path(sys.executable)
    needed = [Path(sys.prefix), Path(sys.base_prefix), *roots, *link_targets(python)]
    for folder in needed:
        if not is_open(folder):
            raise LabError(f"{folder} is closed to other users", f"chmod -R o+rX {folder}")
    return Code(python, os.pathsep.join(map(str, roots)), plan_way(needed, is_open))


def package_roots() -> list[Path]:
    """Give the folders our packages are imported from, each once.

    Raises:
        LabError: one is not installed.
    """
    roots: dict[Path, None] = {}
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise LabError(f"{package} is not installed here", "run it by ./run")
        roots[Path(spec.submodule_search_locations[0]).parent] = None
    return list(roots)


def link_targets(python: Path) -> list[Path]:
    """Follow the symbolic links of an interpreter: the installation (over bin/) of each hop."""
    found = []
    while python.is_symlink():
        python = Path(os.path.normpath(python.parent / python.readlink()))
        found.append(python.parent.parent)
    return found


def plan_way(needed: Iterable[Path], is_passable: Callable[[Path], bool]) -> Way:
    """Decide what to cover and what to keep.

    Args:
        needed: folders, by the paths they are used by.
        is_passable: says whether every user may enter a folder.
    """
    wanted = {path for folder in needed for path in (folder, folder.resolve())}
    covered: set[Path] = set()
    for path in wanted:
        closed = [above for above in path.parents if not is_passable(above)]
        covered.update(closed[-1:])  # the outermost: those inside it go with it
    hidden = {path for path in wanted if any(path.is_relative_to(cover) for cover in covered)}
    kept = {path for path in hidden if not any(other in path.parents for other in hidden)}
    return Way(tuple(sorted(covered)), tuple(sorted(kept)))


def is_open(folder: Path) -> bool:
    """Say whether every user may enter a folder, once they have come to it."""
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def launcher() -> tuple[str, ...]:
    """Give the command that runs `launch.py` with nothing but the standard library."""
    return (sys.executable, "-I", "-S", str(LAUNCHER))
