"""Taking up what the console sent, trying it, and going back by itself.

The agent lays documents down and judges nothing; here each is verified from its first byte, by the
keyset in force. The timer is this unit's: an agent that is dead, or cut off by the very revision
it brought, holds nothing up.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bocage_contract.configuration import Desired, ForAnotherBoxError, OlderRevisionError
from bocage_contract.errors import MessageError, SignatureError
from bocage_contract.fleet.events import Why
from bocage_contract.fleet.keyset import OlderKeysetError, Purpose
from bocage_contract.fleet.reported import Check
from bocage_contract.signing import MAX_ENVELOPE_BYTES
from bocage_edge.configuration import (
    load_card,
    load_desired,
    load_keyset,
    verify_desired,
    verify_keyset,
)
from bocage_edge.errors import ConfigError
from bocage_edge.link.revisions import Revisions, TrialFile
from bocage_edge.link.trial import (
    SETTLE_S,
    Status,
    Verdict,
    holds,
    judge,
    seen_at_start,
    targets_of,
)
from bocage_edge.paths import Box
from bocage_system.durable import read_limited
from bocage_system.logs import get

log = get("link")


@dataclass(slots=True)
class Said:
    """What the last round did, for the status and the console."""

    unproven: list[Check] = field(default_factory=list)
    refused: str = ""  # why the last document was not taken, a word of `Why`
    refused_count: int = 0


class Proving:
    """See the module. For one thread."""

    def __init__(self, box: Box, boot: str, statuses: Callable[[], Mapping[str, Status]]) -> None:
        """Take up a trial that ran when this unit, or the box, ended.

        Args:
            boot: which start of the box this is.
            statuses: gives what the units last said of themselves.
        """
        self._box = box
        self._boot = boot
        self._statuses = statuses
        self._revisions = Revisions(box)
        self._said = Said()

    def step(self, now: float) -> bool:
        """Do one round; True: the configuration in force has changed.

        Args:
            now: Unix seconds.

        Raises:
            OSError: the medium refused.
        """
        changed = self._go_on(now)
        self._take_keyset()
        return self._take_desired(now) or changed

    def status(self) -> dict[str, Any]:
        """Say how it stands."""
        trial, returned = self._revisions.trial(), self._revisions.returned()
        confirmed = self._confirmed_revision()
        return {
            "confirmed": confirmed,
            "trial": None if trial is None else {"revision": trial.revision, "until": trial.until},
            "returned": None if returned is None else returned.to_json(),
            "unproven": [check.to_json() for check in self._said.unproven],
            "refused": self._said.refused,
            "refused_count": self._said.refused_count,
        }

    # The trial that runs

    def _go_on(self, now: float) -> bool:
        trial = self._revisions.trial()
        if trial is None:
            return False
        if trial.boot != self._boot:
            return self._return(trial, Why.POWER_CUT, [], now)
        desired = self._in_force()
        if desired is None or desired.revision != trial.revision:
            # Cut between the trial's file and the revision itself: nothing was tried.
            return self._return(trial, Why.POWER_CUT, [], now)
        before = self._read_confirmed()
        since = trial.began_at + SETTLE_S
        statuses = self._statuses()
        results = {
            target: holds(target, statuses, revision=trial.revision, since=since)
            for target in targets_of(before, desired)
        }
        # A clock that is set back must not make a trial endless.
        is_over = now >= trial.until or now < trial.began_at - 1
        verdict, checks = judge(results, trial.baseline, is_over=is_over)
        if verdict is Verdict.CONFIRM:
            self._revisions.confirm()
            self._said.unproven = checks
            log.info("revision confirmed", revision=trial.revision, unproven=len(checks))
        elif verdict is Verdict.GO_BACK:
            return self._return(trial, Why.CHECK_FAILED, checks, now)
        return False

    def _return(self, trial: TrialFile, why: Why, failed: list[Check], now: float) -> bool:
        names = [check.kind.value for check in failed]
        log.warning("revision given up", revision=trial.revision, why=why.value, failed=names)
        return self._revisions.go_back(trial.revision, why, failed, now)

    # What the agent laid down

    def _take_keyset(self) -> None:
        raw = self._fetch("keyset.json")
        if raw is None:
            return
        try:
            held = load_keyset(self._box) if self._box.keyset.exists() else None
            if held is not None and self._box.keyset.read_bytes() == raw:
                return
            found = verify_keyset(raw, held)
        except ConfigError as error:
            self._refuse("keyset", error)
            return
        self._revisions.put_keyset(raw)
        log.info("keyset in force", version=found.version)

    def _take_desired(self, now: float) -> bool:
        if self._revisions.trial() is not None:
            return False  # one at a time: it lies there until this one is decided
        raw = self._fetch("desired.json")
        if raw is None or raw == _bytes(self._box.desired):
            return False
        try:
            card = load_card(self._box)
            trusted = load_keyset(self._box).keys(Purpose.CONFIGURATION)
            desired = verify_desired(raw, trusted, card, at_least_revision=self._newest() + 1)
        except ConfigError as error:
            self._refuse("configuration", error)
            return False
        before = self._in_force()
        targets = targets_of(before, desired)
        revision = 0 if before is None else before.revision
        baseline = seen_at_start(targets, self._statuses(), revision, now)
        until = now + desired.trial_s
        self._revisions.begin(raw, TrialFile(desired.revision, self._boot, now, until, baseline))
        self._said = Said(refused_count=self._said.refused_count)
        log.info("revision on trial", revision=desired.revision, checks=len(targets))
        return True

    def _newest(self) -> int:
        """The highest revision that was ever in force here, kept or given up."""
        returned, in_force = self._revisions.returned(), self._in_force()
        return max(
            0 if returned is None else returned.revision,
            0 if in_force is None else in_force.revision,
            self._confirmed_revision(),
        )

    def _refuse(self, what: str, error: ConfigError) -> None:
        self._said.refused_count += 1
        self._said.refused = _word(error)
        log.warning("document refused", what=what, reason=error.message)

    def _fetch(self, name: str) -> bytes | None:
        """Take a document out of the inbox; it is judged once."""
        path = self._box.inbox / name
        try:
            return read_limited(path, MAX_ENVELOPE_BYTES)
        except FileNotFoundError:
            return None
        except ValueError:
            return b""
        finally:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def _in_force(self) -> Desired | None:
        try:
            return load_desired(self._box, load_card(self._box))
        except ConfigError:
            return None

    def _read_confirmed(self) -> Desired | None:
        raw = self._revisions.confirmed()
        if raw is None:
            return None
        try:
            trusted = load_keyset(self._box).keys(Purpose.CONFIGURATION)
            return verify_desired(raw, trusted, load_card(self._box))
        except ConfigError:
            return None

    def _confirmed_revision(self) -> int:
        found = self._read_confirmed()
        return 0 if found is None else found.revision


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


_WORDS: dict[type[BaseException] | type[None], Why] = {
    OlderRevisionError: Why.OLDER,
    OlderKeysetError: Why.OLDER,
    ForAnotherBoxError: Why.NOT_FOR_US,
    SignatureError: Why.BAD_SIGNATURE,
    MessageError: Why.MALFORMED,
}


def _word(error: ConfigError) -> str:
    """Say it in the contract's words, by what was wrong with the document."""
    return _WORDS.get(type(error.__cause__), Why.OTHER).value
