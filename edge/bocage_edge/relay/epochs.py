"""When a box begins anew: it was restored from an old copy, or replaced by another. Pure.

Each box remembers the highest epoch and ledger number it has seen of the other and says so in its
HELLO. A box that finds itself behind that memory cannot go on with its old numbers: it opens an
epoch above both, with an alarm, and says HELLO again. Its partner then sets the old ledger aside,
offers again whatever it does not know to be delivered, and reads the new ledger from its first
entry. Nothing is cut off: exams go on. Numbers of an older epoch are not compared.
"""

from dataclasses import dataclass

from bocage_edge.relay.hello import Hello

# Chosen: an operator looks at least once a day; the ledgers of both boxes say it for ever.
ALARM_S = 86400.0


@dataclass(frozen=True, slots=True)
class Level:
    """Both boxes know each other as they are."""


@dataclass(frozen=True, slots=True)
class OpenEpoch:
    """This box is behind its partner's memory and must open this epoch."""

    number: int


@dataclass(frozen=True, slots=True)
class PartnerBeganAnew:
    """The partner has opened this epoch since we saw it last."""

    number: int


Standing = Level | OpenEpoch | PartnerBeganAnew


def judge(partner: Hello, *, epoch: int, ledger: int, partner_epoch: int) -> Standing:
    """Compare the partner's HELLO, proved, with our own numbers as they are now.

    Args:
        epoch: ours.
        ledger: last entry of our own chain. Read after the HELLO came: the chain may have grown,
            and the partner may have read it, since we said ours.
        partner_epoch: the highest we have seen of the partner; 0: none yet.
    """
    is_same = partner.partner_epoch == epoch
    if partner.partner_epoch > epoch or (is_same and partner.partner_ledger > ledger):
        return OpenEpoch(max(epoch, partner.partner_epoch) + 1)
    if partner.epoch > partner_epoch > 0:
        return PartnerBeganAnew(partner.epoch)
    return Level()


def alarm_text(now: float, *, epoch_at: float, partner_epoch_at: float) -> str:
    """Say what an operator must know; empty: nothing.

    Args:
        now: Unix seconds; so are the moments at which an epoch was opened here, and there.
    """
    if now - epoch_at < ALARM_S:
        return (
            "this box was behind its partner's memory of it and has begun anew:"
            " was it restored from an old copy, or replaced?"
        )
    if now - partner_epoch_at < ALARM_S:
        return (
            "the partner has begun anew: it was restored from an old copy, or replaced;"
            " what it had not delivered is offered to it again"
        )
    return ""
