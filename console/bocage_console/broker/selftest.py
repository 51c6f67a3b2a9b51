"""What must not work on a broker is tried before a fleet trusts it.

A broker with a list that was not read, or an option that fell under the table, works well: for
everybody. So it is asked as a stranger would ask, and it does not run if any of it succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bocage_console.authority.files import SessionFiles
from bocage_console.broker.access import TRIED, WITNESS
from bocage_console.broker.session import BrokerAddress, Probe
from bocage_console.errors import BrokerError
from bocage_contract.fleet.topics import Down, Up, topic


@dataclass(frozen=True, slots=True)
class Strangers:
    """Two certificates of the authority that no box bears.

    Args:
        selftest: who tries.
        witness: whose session it tries to take; may say one thing, which nobody may hear.
    """

    selftest: SessionFiles
    witness: SessionFiles


def breaches(address: BrokerAddress, strangers: Strangers) -> list[str]:
    """Try everything; give what worked and should not, in words. Empty: the broker is tight.

    Raises:
        BrokerError: nobody answers there.
    """
    tries: list[tuple[str, Callable[[], bool]]] = [
        ("it lets somebody in who shows no certificate", lambda: _anonymous(address, strangers)),
        ("a stranger may publish on a box's topic", lambda: _publishes(address, strangers)),
        ("a stranger may listen to a box's topic", lambda: _listens(address, strangers)),
        ("a client id takes another's session", lambda: _takes_over(address, strangers)),
    ]
    return [text for text, works in tries if works()]


def _anonymous(address: BrokerAddress, strangers: Strangers) -> bool:
    probe = Probe(address, None, str(strangers.selftest.authority), "")
    try:
        return probe.connect()
    finally:
        probe.close()


def _publishes(address: BrokerAddress, strangers: Strangers) -> bool:
    with _session(address, strangers.selftest) as stranger:
        return any(stranger.may_publish(topic(TRIED, leaf)) for leaf in (*Up, *Down))


def _listens(address: BrokerAddress, strangers: Strangers) -> bool:
    """The broker agrees to every subscription and asks its list for every message."""
    with (
        _session(address, strangers.selftest) as stranger,
        _session(address, strangers.witness) as witness,
    ):
        for wanted in (topic(TRIED, Down.DESIRED), "#", "bocage/#"):
            stranger.may_subscribe(wanted)
        if not witness.may_publish(topic(TRIED, Down.DESIRED), b"tried"):
            raise BrokerError("the broker could not be tried: it takes nothing from its own test")
        # An answer to this comes after whatever the broker had to say before.
        stranger.is_answered(TRIED)
        return bool(stranger.heard)


@contextmanager
def _session(address: BrokerAddress, files: SessionFiles) -> Iterator[Probe]:
    probe = Probe(address, files, str(files.authority), "")
    try:
        if not probe.connect():
            raise BrokerError("the broker could not be tried: it refuses its own test")
        yield probe
    finally:
        probe.close()


def _takes_over(address: BrokerAddress, strangers: Strangers) -> bool:
    """A witness is connected; somebody else comes with its client id."""
    authority = str(strangers.witness.authority)
    witness = Probe(address, strangers.witness, authority, WITNESS)
    thief = Probe(address, strangers.selftest, authority, WITNESS)
    try:
        if not witness.connect():
            return False
        thief.connect()
        # Any answer will do: it says that the witness still has its session.
        return not witness.is_answered(TRIED)
    finally:
        thief.close()
        witness.close()
