"""Revisions of the configuration on the disk: which is in force, confirmed, on trial, given up.

The link unit is the one writer. Files beside the configuration, each replaced as a whole:

    desired.json    what the units work by
    confirmed.json  the last revision that held: what a return goes to
    trial.json      the trial that runs; there means that desired.json has not proven itself
    returned.json   the last revision that was given up, and why

Order: the confirmed one is laid aside before the new one is put in force, and the trial is written
before either counts. So whatever the moment of a power cut, the box finds a way back.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage_contract.errors import ContractError
from bocage_contract.fleet.events import Why
from bocage_contract.fleet.reported import Check, CheckKind, Returned
from bocage_edge.link.trial import Target
from bocage_edge.paths import Box
from bocage_system.durable import read_limited, write_atomic

_LIMIT_BYTES = 2 << 20
MODE = 0o640


@dataclass(frozen=True, slots=True)
class TrialFile:
    """A trial that runs.

    Args:
        boot: of the box when it began; another one now: the power was cut in its window.
        began_at, until: Unix seconds.
    """

    revision: int
    boot: str
    began_at: float
    until: float
    baseline: Mapping[Target, bool | None]


class Revisions:
    """See the module."""

    def __init__(self, box: Box) -> None:
        """Remember where they lie."""
        self._box = box
        folder = box.desired.parent
        self._confirmed = folder / "confirmed.json"
        self._trial = folder / "trial.json"
        self._returned = folder / "returned.json"

    def confirmed(self) -> bytes | None:
        """Give the last revision that held, exact bytes; None: there is none."""
        return _read(self._confirmed)

    def trial(self) -> TrialFile | None:
        """Give the trial that runs."""
        raw = _read(self._trial)
        return None if raw is None else _trial(raw)

    def returned(self) -> Returned | None:
        """Give the last revision that was given up."""
        raw = _read(self._returned)
        if raw is None:
            return None
        try:
            return Returned.read(raw)
        except ContractError:
            return None

    def begin(self, raw: bytes, trial: TrialFile) -> None:
        """Put a revision in force, on trial.

        Raises:
            OSError: the medium refused; the one before is in force, or the trial will say so.
        """
        before = _read(self._box.desired)
        if before is not None and self.trial() is None:
            self._write(self._confirmed, before)
        self._write(self._trial, _trial_bytes(trial))
        self._write(self._box.desired, raw)

    def confirm(self) -> None:
        """Let the revision in force stay: it is what a later return goes to."""
        raw = _read(self._box.desired)
        if raw is not None:
            self._write(self._confirmed, raw)
        self._end_trial()

    def go_back(self, revision: int, why: Why, failed: list[Check], now: float) -> bool:
        """Put the confirmed revision in force again; False: there is none to go back to.

        Args:
            now: Unix seconds.
        """
        returned = Returned(revision=revision, at=int(now), why=why, failed=failed)
        self._write(self._returned, json.dumps(returned.to_json()).encode())
        raw = _read(self._confirmed)
        if raw is None:
            self._end_trial()
            return False
        self._write(self._box.desired, raw)
        self._end_trial()
        return True

    def put_keyset(self, raw: bytes) -> None:
        """Put a keyset in force; who may is judged before."""
        self._write(self._box.keyset, raw)

    def _end_trial(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._trial.unlink()

    def _write(self, path: Path, raw: bytes) -> None:
        folder = os.stat(path.parent)
        write_atomic(path, raw, mode=MODE)
        os.chown(path, folder.st_uid, folder.st_gid)


def _read(path: Path) -> bytes | None:
    try:
        return read_limited(path, _LIMIT_BYTES)
    except FileNotFoundError:
        return None


def _trial_bytes(trial: TrialFile) -> bytes:
    baseline = [
        {"kind": target.kind.value, "link": target.link, "destination": target.destination,
         "held": held}
        for target, held in trial.baseline.items()
    ]  # fmt: skip
    value: dict[str, Any] = {
        "revision": trial.revision,
        "boot": trial.boot,
        "began_at": trial.began_at,
        "until": trial.until,
        "baseline": baseline,
    }
    return json.dumps(value, sort_keys=True).encode()


def _trial(raw: bytes) -> TrialFile:
    """Read a trial; one that cannot be read is one that was cut short."""
    try:
        value = json.loads(raw)
        baseline = {
            Target(CheckKind(each["kind"]), each["link"], each["destination"]): each["held"]
            for each in value["baseline"]
        }
        return TrialFile(
            int(value["revision"]),
            str(value["boot"]),
            float(value["began_at"]),
            float(value["until"]),
            baseline,
        )
    except (ValueError, KeyError, TypeError):
        return TrialFile(1, "", 0.0, 0.0, {})
