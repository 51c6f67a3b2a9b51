"""Two ledgers of one link compared: what each box says it sent, the other must say it got. Pure.

For every object one box took in from its site, the other must have

    stored, opened with the same digest, delivered      or      stored, refused

An object for which something of this is still missing is *waiting*, even if the box says that it
was delivered. That is no difference: each unit hands on its own entries, so they need not stand in
the order in which things happened, and the last page may not have come yet. What one box got and
the other has not announced waits as well, for a while. A difference is what both boxes' words
cannot be true about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bocage_contract.ledger import Entry

# Entries by which a box says that an object started with it.
_STARTED = ("received", "changed_content")
# By which the other box says how far an object came.
_HOW_FAR = ("stored", "opened", "delivered", "refused")
# How long a sender's own word for an object may come after the receiver's: the units hand their
# entries on each in its own time, and one that was killed does so when it runs again.
LATE_WORD_S = 600


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that cannot be true on both sides.

    Args:
        object: name of the sealed object.
        words: what is the matter, for an operator.
    """

    object: str
    words: str


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of a link: what the sender took in, and how far the receiver says it came."""

    sender: str
    receiver: str
    sent: int
    stored: int
    delivered: int
    refused: int
    dropped: int
    waiting: Sequence[str]  # object names without all of their entries yet
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Report:
    """Both directions of a link."""

    out: Way
    back: Way

    @property
    def differences(self) -> list[Difference]:
        """Every difference, ours first."""
        return [*self.out.differences, *self.back.differences]

    @property
    def agrees(self) -> bool:
        """Whether nothing the two boxes say contradicts the other."""
        return not self.differences

    @property
    def is_settled(self) -> bool:
        """Whether they agree and nothing waits."""
        return self.agrees and not self.out.waiting and not self.back.waiting


@dataclass(slots=True)
class _Sent:
    digests: dict[str, str] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Got:
    stored: set[str] = field(default_factory=set)
    opened: dict[str, str] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    first_at: dict[str, int] = field(default_factory=dict)  # Unix ms of the first word of an object

    @property
    def settled(self) -> set[str]:
        """The objects whose way has ended, with every entry it takes."""
        return self.stored & (self.refused | (self.delivered & self.opened.keys()))


def reconcile(
    own: Iterable[Entry],
    partner: Iterable[Entry],
    *,
    own_name: str,
    partner_name: str,
    now: float,
) -> Report:
    """Compare the two chains of one link.

    Args:
        own: verified entries of our chain of the link, in order.
        partner: verified entries of the partner's chain of the link, in order.
        own_name: device id, for the words.
        now: Unix seconds.
    """
    (sent, got), (sent_there, got_there) = _read(own), _read(partner)
    late_ms = int((now - LATE_WORD_S) * 1000)
    return Report(
        _compare(sent, got_there, own_name, partner_name, late_ms),
        _compare(sent_there, got, partner_name, own_name, late_ms),
    )


def objects_of(entry: Entry) -> list[str]:
    """Name the objects an entry speaks of: one under `object`, or several under `objects`."""
    one, several = entry.body.get("object"), entry.body.get("objects")
    names = several if isinstance(several, list) else [one]
    return [name for name in names if isinstance(name, str)]


def _compare(sent: _Sent, got: _Got, sender: str, receiver: str, late_ms: int) -> Way:
    settled = got.settled | sent.dropped
    unannounced = got.first_at.keys() - sent.digests.keys()
    late = {name for name in unannounced if got.first_at[name] < late_ms}
    differences = [
        *(
            Difference(name, f"{receiver} speaks of it but {sender} never sent it")
            for name in sorted(late)
        ),
        *_digests(sent, got, sender, receiver),
    ]
    return Way(
        sender=sender,
        receiver=receiver,
        sent=len(sent.digests),
        stored=len(got.stored),
        delivered=len(got.delivered),
        refused=len(got.refused - got.delivered),
        dropped=len(sent.dropped - got.delivered),
        waiting=sorted((sent.digests.keys() - settled) | (unannounced - late)),
        differences=differences,
    )


def _read(entries: Iterable[Entry]) -> tuple[_Sent, _Got]:
    """Go through a chain once; what is kept grows with the objects, not with the entries."""
    sent, got = _Sent(), _Got()
    for entry in entries:
        for name in objects_of(entry):
            if entry.kind in _STARTED:
                sent.digests[name] = str(entry.body.get("digest", ""))
            elif entry.kind == "dropped":
                sent.dropped.add(name)
            _note(got, entry, name)
    return sent, got


def _note(got: _Got, entry: Entry, name: str) -> None:
    if entry.kind in _HOW_FAR:
        got.first_at[name] = min(entry.at, got.first_at.get(name, entry.at))
    match entry.kind:
        case "stored":
            got.stored.add(name)
        case "opened":
            got.opened[name] = str(entry.body.get("digest", ""))
        case "delivered" if entry.body.get("done", True) is True:
            got.delivered.add(name)
        case "refused" if entry.body.get("done", True) is True:
            got.refused.add(name)


def _digests(sent: _Sent, got: _Got, sender: str, receiver: str) -> Iterable[Difference]:
    for name in sorted(sent.digests.keys() & got.opened.keys()):
        if sent.digests[name] != got.opened[name]:
            yield Difference(name, f"{receiver} opened other bytes than {sender} sealed")
