"""The month's statement: its figures, whatever the interleaving, and what it refuses."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocage_contract.convention.model import Convention
from bocage_contract.errors import ContractError, MessageError, SignatureError
from bocage_contract.ledger import EntryDraft, draft, entry_hash, sign_head
from bocage_contract.statement import SignedChain, Statement, as_csv, make_statement
from tests.contract.exports import CAEN, FLERS, OURS, STRANGER, THEIRS, raws_of
from tests.contract.keys import public

MONTH = "2026-11"
START = int(datetime.datetime(2026, 11, 3, 7, tzinfo=datetime.UTC).timestamp())
SLOT, ARRIVE_BY, DUE = START + 3600, START + 2700, START + 7200
END = DUE + 86_400
VERSION = Convention.of(
    {
        "id": "flers-caen",
        "version": 1,
        "link": "flers-caen",
        "requesting_site": "Flers",
        "reading_site": "Caen",
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "services": {"FLERS": {"class": "routine"}},
        "tariff": {"exam": {"CR": "12.50", "CT": "45.00"}},
    }
)
VERSIONS = {("flers-caen", 1): VERSION}


@dataclasses.dataclass
class Case:
    """What the units of both boxes write of some exams."""

    receive: list[EntryDraft] = dataclasses.field(default_factory=list)
    deliver: list[EntryDraft] = dataclasses.field(default_factory=list)
    there_deliver: list[EntryDraft] = dataclasses.field(default_factory=list)
    there_receive: list[EntryDraft] = dataclasses.field(default_factory=list)

    def accept(self, number: int, modality: str = "CR", at: int = START, **more: object) -> None:
        body = {
            "exam_id": exam(number), "convention": "flers-caen", "version": 1,
            "modality": modality, "exam_class": "routine", "accepted_at": at,
            "slot_from": SLOT, "arrive_by": ARRIVE_BY, "report_due": DUE, **more,
        }  # fmt: skip
        self.receive.append(draft("exam", at, **body))  # type: ignore[arg-type]

    def send(self, number: int, at: int = START, delivered: int | None = START + 60) -> None:
        body = {"exam_id": exam(number), "object": thing(number)}
        self.receive.append(draft("received", at, **body))
        if delivered is not None:
            self.there_deliver.append(draft("delivered", delivered, done=True, **body))

    def report(self, number: int, at: int, state: str = "final") -> None:
        body = {"exam_id": exam(number), "object": thing(number + 1000)}
        self.there_receive.append(draft("report", at - 10, report_state=state, **body))
        self.deliver.append(draft("delivered", at, done=True, **body))

    def chains(self, mix: Sequence[int] = ()) -> tuple[SignedChain, SignedChain]:
        tail = [draft("started", END)]
        there = [*self.there_receive, *tail]
        return (
            signed(OURS, mixed(self.receive, [*self.deliver, *tail], mix)),
            signed(THEIRS, mixed(self.there_deliver, there, mix), key=CAEN),
        )

    def until(self, here: int, there: int) -> Statement:
        """What is said when only so many entries of the two chains, in order of time, are there."""
        tail = [draft("started", END)]
        ours = by_time([*self.receive, *self.deliver, *tail])[:here]
        theirs = by_time([*self.there_deliver, *self.there_receive, *tail])[:there]
        return make_statement(MONTH, signed(OURS, ours), signed(THEIRS, theirs, key=CAEN), VERSIONS)

    def statement(self, mix: Sequence[int] = ()) -> Statement:
        return make_statement(MONTH, *self.chains(mix), VERSIONS)


def exam(number: int) -> str:
    return f"{number:032x}"


def thing(number: int) -> str:
    return f"{number:064x}"


def by_time(written: Sequence[EntryDraft]) -> list[EntryDraft]:
    return sorted(written, key=lambda each: each.at)


def mixed(
    one: Sequence[EntryDraft], other: Sequence[EntryDraft], mix: Sequence[int]
) -> list[EntryDraft]:
    """Interleave what two units handed on, each in its own order."""
    queues, out = [list(one), list(other)], []
    for turn in mix:
        if queues[turn % 2]:
            out.append(queues[turn % 2].pop(0))
    return [*out, *queues[0], *queues[1]]


def signed(chain: str, written: Sequence[EntryDraft], key: object = FLERS) -> SignedChain:
    signer = CAEN if key is CAEN else FLERS
    raws = raws_of(chain, written)
    head = sign_head(chain, len(raws), entry_hash(raws[-1]) if raws else "0" * 64, signer.sign)
    return SignedChain(raws, head, public(signer))


def test_a_report_that_was_taken_back_counts_no_more() -> None:
    """It is due again, until another final one is there."""
    case = Case()
    case.accept(1)
    case.send(1)
    case.report(1, START + 600)
    taken_back = {"exam_id": exam(1), "object": thing(2001), "report_state": "deletion"}
    case.there_receive.append(draft("report", START + 700, **taken_back))
    (line,) = case.statement().lines
    assert (line.reported, line.reports_overdue) == (0, 1)
    body = {"exam_id": exam(1), "object": thing(3001)}
    case.there_receive.append(draft("report", START + 800, report_state="final", **body))
    case.deliver.append(draft("delivered", START + 900, done=True, **body))
    (line,) = case.statement().lines
    assert (line.reported, line.reports_overdue, line.median_s) == (1, 0, 900)


@pytest.mark.parametrize("state", ["preliminary", "addendum", "replacement"])
def test_only_a_final_report_counts(state: str) -> None:
    """What follows it changes nothing of when it was there."""
    case = Case()
    case.accept(1)
    case.send(1)
    case.report(1, START + 600, state=state)
    (line,) = case.statement().lines
    assert (line.reported, line.reports_overdue) == (0, 1)


def test_a_month_in_figures() -> None:
    case = Case()
    case.accept(1)
    case.send(1)
    case.report(1, START + 3000)
    case.accept(2)  # too late at the workstation, report late
    case.send(2, delivered=ARRIVE_BY + 1)
    case.report(2, DUE + 1)
    case.accept(3, "CT", exam_class="urgent", slot_from=None, arrive_by=None, report_due=None)
    case.send(3)
    case.report(3, START + 600, state="preliminary")
    case.accept(4, "DX")  # no price, no report
    case.send(4)
    made = case.statement()
    cr, ct, dx = made.lines
    assert (cr.exams, cr.urgent, cr.reported, cr.median_s, cr.percentile_95_s) == (
        2, 0, 2, 3000, DUE + 1 - START,
    )  # fmt: skip
    assert (cr.slots_met, cr.slots_missed, cr.reports_overdue) == (1, 1, 1)
    assert (cr.billed, cr.amount) == (2, Decimal("25.00"))
    assert (ct.urgent, ct.reported, ct.median_s, ct.slots_met, ct.slots_missed) == (
        1,
        0,
        None,
        0,
        0,
    )
    assert (dx.unpriced, dx.amount, dx.reports_overdue) == (1, Decimal("0.00"), 1)
    assert made.amount == Decimal("70.00")
    assert as_csv(made).splitlines()[-1] == "2026-11,TOTAL,4,25,2,,,2,1,2,4,1,70.00,EUR"


def test_what_is_not_billed() -> None:
    """A prior, a cancelled exam, one refused whole, one refused before it was taken."""
    case = Case()
    case.accept(1, exam_class="prior")
    case.accept(2)
    case.receive.append(draft("cancelled", START, exam_id=exam(2)))
    case.accept(3)
    case.send(3, delivered=None)
    refused = {"exam_id": exam(3), "object": thing(3), "done": True}
    case.there_deliver.append(draft("refused", START, **refused))  # type: ignore[arg-type]
    case.receive.append(draft("exam_refused", START, exam_id=exam(4), reason="volume"))
    made = case.statement()
    assert (made.priors, made.cancelled, made.refused, made.lines) == (1, 1, 2, [])
    assert made.amount == Decimal("0.00")


def test_an_exam_that_is_sent_again_after_it_was_cancelled_is_billed() -> None:
    case = Case()
    case.accept(1)
    case.receive.append(draft("cancelled", START + 60, exam_id=exam(1)))
    assert case.statement().cancelled == 1
    last = case.receive[0].body
    case.receive.append(draft("exam", START + 120, **last))
    made = case.statement()
    assert (made.cancelled, [line.billed for line in made.lines]) == (0, [1])


def test_an_older_content_that_was_not_delivered_misses_no_slot() -> None:
    def made(**scope: str) -> Statement:
        case = Case()
        case.accept(1, slot_from=START + 900, arrive_by=START + 600)
        case.send(1, delivered=START + 60)
        older = {"exam_id": exam(1), "object": thing(77)}
        case.receive.append(draft("received", START, **older))
        body: dict[str, Any] = {**older, "done": True, **scope}
        case.there_deliver.append(draft("refused", START + 60, **body))
        return case.statement()

    assert [line.slots_met for line in made(scope="superseded").lines] == [1]
    assert [line.slots_met for line in made(scope="instance").lines] == [0]


def test_an_exam_sent_again_or_raised_is_one() -> None:
    """The last word on it counts, the first acceptance stands."""
    case = Case()
    case.accept(1)
    case.send(1)
    case.accept(1, at=START + 100, exam_class="urgent", slot_from=None, arrive_by=None)
    case.report(1, START + 700)
    (line,) = case.statement().lines
    assert (line.exams, line.billed, line.urgent, line.median_s) == (1, 1, 1, 700)
    assert (line.slots_met, line.slots_missed) == (0, 0)


def test_an_exam_belongs_to_the_month_at_the_site() -> None:
    """Half past midnight on the first in Paris is still October in UTC."""
    midnight = int(datetime.datetime(2026, 10, 31, 23, 30, tzinfo=datetime.UTC).timestamp())
    case = Case()
    case.accept(1, at=midnight)
    case.accept(2, at=midnight - 3600)
    assert [line.exams for line in case.statement().lines] == [1]


def test_one_exam_refused_and_then_taken_is_not_refused() -> None:
    case = Case()
    case.receive.append(draft("exam_refused", START, exam_id=exam(1), reason="outside_slots"))
    case.accept(1)
    assert case.statement().refused == 0


_exams = st.lists(
    st.tuples(
        st.sampled_from(["CR", "CT", "DX"]),
        st.sampled_from(["routine", "urgent", "prior"]),
        st.one_of(st.none(), st.integers(START, END)),  # delivered there
        st.one_of(st.none(), st.integers(START, END)),  # reported
        st.booleans(),  # cancelled
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(_exams, st.lists(st.integers(0, 1), max_size=60), st.lists(st.integers(0, 1), max_size=60))
def test_any_interleaving_gives_the_same_figures(
    exams: list[tuple[str, str, int | None, int | None, bool]],
    one: list[int],
    other: list[int],
) -> None:
    case = Case()
    for number, (modality, klass, delivered, reported, is_cancelled) in enumerate(exams):
        case.accept(number, modality, exam_class=klass)
        case.send(number, delivered=delivered)
        if reported is not None:
            case.report(number, reported)
        if is_cancelled:
            case.receive.append(draft("cancelled", START, exam_id=exam(number)))
    first, second = case.statement(one), case.statement(other)
    assert as_csv(first) == as_csv(second)
    assert first.lines == second.lines
    billed = sum(klass != "prior" and not off for _, klass, _, _, off in exams)
    assert sum(line.billed for line in first.lines) == billed
    assert first.priors == sum(klass == "prior" for _, klass, _, _, _ in exams)


@settings(max_examples=100, deadline=None)
@given(_exams, st.integers(0, 40), st.integers(0, 40))
def test_a_page_that_has_not_come_yet_takes_nothing_back(
    exams: list[tuple[str, str, int | None, int | None, bool]], here: int, there: int
) -> None:
    """What a box says with a part of the chains is said with the whole of them as well."""
    case = Case()
    for number, (modality, klass, delivered, reported, _) in enumerate(exams):
        case.accept(number, modality, exam_class=klass)
        case.send(number, delivered=delivered)
        if reported is not None:
            case.report(number, reported)
    part, whole = case.until(here, there), case.until(1000, 1000)
    said = {line.modality: line for line in whole.lines}
    for line in part.lines:
        assert line.slots_met <= said[line.modality].slots_met
        assert line.slots_missed <= said[line.modality].slots_missed
        assert line.reports_overdue <= said[line.modality].reports_overdue
        assert line.reported <= said[line.modality].reported
        assert line.billed <= said[line.modality].billed
    assert whole.lines == case.statement().lines


def test_a_slot_is_not_missed_because_the_partners_page_is_missing() -> None:
    """The far box has delivered in time; its word for it comes only when the line is back."""
    case = Case()
    case.accept(1)
    case.send(1, delivered=START + 60)
    (line,) = case.until(1000, 0).lines
    assert (line.slots_met, line.slots_missed, line.reports_overdue) == (0, 0, 0)
    (line,) = case.until(1000, 1000).lines
    assert (line.slots_met, line.slots_missed, line.reports_overdue) == (1, 0, 1)


def test_a_chain_that_does_not_hold_is_refused() -> None:
    case = Case()
    case.accept(1)
    case.send(1)
    ours, theirs = case.chains()
    raws = list(ours.raws)
    for broken in (
        dataclasses.replace(ours, raws=raws[:-1]),
        dataclasses.replace(ours, raws=[raws[1], raws[0], *raws[2:]]),
        dataclasses.replace(ours, raws=[raws[0].replace(b"CR", b"CT"), *raws[1:]]),
        dataclasses.replace(ours, identity=public(STRANGER)),
    ):
        with pytest.raises(ContractError):
            make_statement(MONTH, broken, theirs, VERSIONS)
    with pytest.raises(SignatureError):
        make_statement(MONTH, ours, dataclasses.replace(theirs, identity=public(FLERS)), VERSIONS)


def test_what_it_cannot_say_it_refuses() -> None:
    """A month that is none; a version nobody has at hand."""
    case = Case()
    case.accept(1)
    with pytest.raises(MessageError, match="2026-11"):
        make_statement("November", *case.chains(), VERSIONS)
    with pytest.raises(MessageError, match="version 1"):
        make_statement(MONTH, *case.chains(), {})
