"""What acknowledgements mean: the whole table."""

from __future__ import annotations

import pytest

from bocage_contract.ledger import draft
from bocage_edge.deliver.answered import outcome_of_answer
from bocage_edge.deliver.outcome import Deferred, Delivered, Refused, Scope
from bocage_edge.hl7.acknowledgement import Answered, read_answer

PERMANENT = ("100", "101", "102", "103", "200", "201", "202", "203", "204", "205")


@pytest.mark.parametrize(
    ("code", "errors", "means"),
    [
        ("AA", (), Delivered),
        ("CA", (), Delivered),
        ("AE", (), Deferred),
        ("CE", (), Deferred),
        ("AE", ("206",), Deferred),
        ("AE", ("207",), Deferred),
        ("AR", ("207",), Deferred),
        ("AE", ("999",), Deferred),
        *[("AE", (code,), Refused) for code in PERMANENT],
        ("AE", ("101", "207"), Deferred),
        ("AR", (), Refused),
        ("CR", (), Refused),
        ("AR", ("204",), Refused),
        ("AX", (), Deferred),
        ("", (), Deferred),
        ("BA", (), Deferred),
    ],
)
def test_an_answer_means_one_thing(code: str, errors: tuple[str, ...], means: type) -> None:
    outcome = outcome_of_answer(Answered(code, "1", errors))
    assert type(outcome) is means
    if isinstance(outcome, Deferred | Refused):
        assert outcome.scope is Scope.INSTANCE
        draft("refused", 1.0, reason=outcome.reason)  # the ledger's alphabet


@pytest.mark.parametrize(
    "said",
    ["MSA|AE|1\rERR|||207^x^HL70357", "MSA|AE|1\rERR|^^^207&x&HL70357", "MSA|AE|1||||207^x"],
)
def test_the_code_is_found_where_each_version_has_it(said: str) -> None:
    raw = f"MSH|^~\\&|RIS|CH|BOX|CH|2026||ACK|9|P|2.5\r{said}\r".encode()
    assert read_answer(raw).errors == ("207",)


def test_words_of_the_other_side_are_left_there() -> None:
    raw = b"MSH|^~\\&|RIS|CH|B|CH|2026||ACK|9|P|2.5\rMSA|AR|1|DUPONT Jean inconnu\rERR|||DUPONT\r"
    answered = read_answer(raw)
    assert answered.errors == ()
    assert outcome_of_answer(answered) == Refused("it rejects the message (AR)", Scope.INSTANCE)
