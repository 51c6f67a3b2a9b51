"""How the units' users get at our code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bocage_provisioning.lab.code import Way, link_targets, package_roots, plan_way
from bocage_provisioning.lab.processes import Owner, Program, full_argv

VENV, PYTHON, CHECKOUT = (Path("/h/me/co/.venv"), Path("/h/me/.pyenv/3.11"), Path("/h/me/co"))


def closed(*folders: str) -> Way:
    """Plan the way where some folders are closed to other users."""
    return plan_way([VENV, PYTHON, CHECKOUT / "edge"], lambda path: str(path) not in folders)


def test_nothing_in_the_way_needs_nothing() -> None:
    assert closed() == Way()


def test_a_closed_home_is_covered_and_only_what_is_needed_is_kept() -> None:
    way = closed("/h/me")
    assert way.covered == (Path("/h/me"),)
    assert way.kept == tuple(sorted((VENV, PYTHON, CHECKOUT / "edge")))


def test_the_outermost_closed_folder_is_covered() -> None:
    assert closed("/h", "/h/me", "/h/me/co").covered == (Path("/h"),)


def test_a_folder_inside_another_is_kept_once() -> None:
    way = plan_way([CHECKOUT, VENV], lambda path: path != Path("/h/me"))
    assert way.kept == (CHECKOUT,)


def test_every_hop_of_an_interpreters_links_is_found(tmp_path: Path) -> None:
    for name in ("venv/bin", "3.11/bin", "3.11.7/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "3.11.7/bin/python3").touch()
    (tmp_path / "3.11/bin/python3").symlink_to(tmp_path / "3.11.7/bin/python3")
    (tmp_path / "venv/bin/python").symlink_to("../../3.11/bin/python3")
    found = link_targets(tmp_path / "venv/bin/python")
    assert found == [tmp_path / "3.11", tmp_path / "3.11.7"]


def test_our_packages_are_found_without_importing_them() -> None:
    before = set(sys.modules)
    roots = package_roots()
    assert all((root / "bocage_edge").exists() or root.exists() for root in roots)
    assert len(roots) == len(set(roots))
    assert not {name for name in set(sys.modules) - before if name.startswith("bocage_edge")}


def program(way: Way, *capabilities: str) -> Program:
    return Program(
        name="hospital-relay",
        argv=("python", "-m", "bocage_edge"),
        namespace="bocage-demo-hbox",
        owner=Owner(31004, 31000, capabilities),
        log=Path("/tmp/x.log"),  # noqa: S108
        way=way,
    )


def test_a_program_gives_up_every_power_before_it_starts() -> None:
    argv = full_argv(program(Way()), ("launcher",))
    assert argv == [
        *("setpriv", "--reuid", "31004", "--regid", "31000", "--clear-groups", "--no-new-privs"),
        *("--inh-caps=-all", "--bounding-set=-all", "--pdeathsig", "KILL"),
        *("--", "python", "-m", "bocage_edge"),
    ]


@pytest.mark.parametrize(
    ("capabilities", "word"),
    [((), "--bounding-set=-all"), (("net_admin",), "--bounding-set=-all,+net_admin")],
)
def test_it_keeps_the_named_powers_only(capabilities: tuple[str, ...], word: str) -> None:
    assert word in full_argv(program(Way(), *capabilities), ("launcher",))


def test_the_launcher_is_used_only_where_something_is_in_the_way() -> None:
    way = Way((Path("/root"),), (Path("/root/co"),))
    argv = full_argv(program(way), ("python", "launch.py"))
    assert argv[:6] == ["python", "launch.py", "cover=/root", "keep=/root/co", "--", "setpriv"]
