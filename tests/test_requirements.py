"""The locks: complete, hashed, and free of any address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.source_tree import DISTRIBUTIONS, ROOT, files

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
# What our distributions need; the rest is for a checkout.
SHIPPED = ("edge.txt", "console.txt", "laboratory.txt")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def pins(lock: Path) -> dict[str, str]:
    """Package -> version."""
    return dict(PIN.findall(lock.read_text()))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_and_hashed(lock: Path) -> None:
    text = "\n".join(line for line in lock.read_text().splitlines() if line.strip()[:1] != "#")
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert requirements
    assert [line for line in requirements if not PIN.match(line) or not HASH.search(line)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_requirement_names_a_place(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-f|-i|--(?!hash=)\S+)", text, re.MULTILINE)


def test_the_locks_agree() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in pins(lock).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_what_a_distribution_needs_is_locked() -> None:
    locked = {name for lock in SHIPPED for name in pins(ROOT / "requirements" / lock)}
    needed = {
        re.split(r"[^A-Za-z0-9_-]", line)[0]
        for distribution in DISTRIBUTIONS
        for line in tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())["project"][
            "dependencies"
        ]
    }
    assert {name for name in needed if not name.startswith("bocage-")} - locked == set()


def test_no_file_names_the_folder_of_this_checkout() -> None:
    """What a file of ours needs it finds from itself; a path of one machine is no use elsewhere."""
    here = str(ROOT).encode()
    assert [path for path in files() if here in (ROOT / path).read_bytes()] == []
