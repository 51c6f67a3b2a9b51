"""The laboratory's clock is asked for on the command line, and nowhere else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bocage_edge.cli import SERVICE_STATE, main
from bocage_edge.paths import Box
from bocage_system.clock import SystemClock
from bocage_system.lab_clock import LabClock, Shift, write_shift


def lab_clock(folder: Path) -> Path:
    path = folder / "clock.json"
    write_shift(path, Shift(real=time.time(), shown=1000.0))
    return path


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, words, env=environment)


def test_a_box_without_the_option_has_the_machines_clock(tmp_path: Path) -> None:
    assert isinstance(Box(tmp_path, tmp_path).clock(), SystemClock)


def test_a_box_with_it_has_the_laboratorys(tmp_path: Path) -> None:
    clock = Box(tmp_path, tmp_path, lab_clock(tmp_path)).clock()
    assert isinstance(clock, LabClock)
    assert clock.now() < 2000


def test_a_box_in_service_refuses_it(tmp_path: Path) -> None:
    done = run("--lab-clock", str(lab_clock(tmp_path)), "card")
    assert done.exit_code == 2
    assert f"{SERVICE_STATE} is a box in service" in done.stderr


def test_no_environment_variable_switches_it_on() -> None:
    (option,) = [each for each in main.params if each.name == "lab_clock"]
    assert option.envvar is None
    assert "auto_envvar_prefix" not in main.context_settings


@pytest.mark.parametrize("text", ["lab_clock", "lab-clock"])
def test_help_does_not_offer_it(text: str) -> None:
    assert text not in run("--help").output
