"""Presentation contexts: what is accepted, and in which transfer syntax."""

from __future__ import annotations

import pytest

from bocage_edge.receive.negotiation import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LOSSLESS,
    LOSSY,
    OUR_ORDER,
    VERIFICATION,
    ContextResult,
    Proposed,
    is_storage,
    negotiate,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
PRIVATE = "1.2.840.113619.4.30"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"
BAD_SYNTAX = ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED
BAD_CLASS = ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED


def answer(abstract_syntax: str, *syntaxes: str) -> tuple[ContextResult, str]:
    """Negotiate one context."""
    (answered,) = negotiate([Proposed(1, abstract_syntax, syntaxes)])
    return answered.result, answered.transfer_syntax


@pytest.mark.parametrize(
    ("syntaxes", "chosen"),
    [
        ((EXPLICIT_LITTLE,), EXPLICIT_LITTLE),
        ((IMPLICIT_LITTLE, EXPLICIT_LITTLE), EXPLICIT_LITTLE),
        ((JPEG_BASELINE, IMPLICIT_LITTLE), IMPLICIT_LITTLE),
        ((JPEG_BASELINE, J2K_LOSSLESS), J2K_LOSSLESS),
        ((JPEG_BASELINE,), JPEG_BASELINE),
        ((DEFLATED, JPEG_BASELINE), JPEG_BASELINE),
        (("1.2.3.4.5", J2K_LOSSLESS), J2K_LOSSLESS),
    ],
)
def test_the_best_of_the_proposed_list_is_chosen(syntaxes: tuple[str, ...], chosen: str) -> None:
    """By our order, whatever the order of the list."""
    assert answer(CT, *syntaxes) == (ContextResult.ACCEPTED, chosen)


@pytest.mark.parametrize(
    "syntax",
    [
        DEFLATED,
        "1.2.840.10008.1.2.8.1",  # deflated frames
        "1.2.840.10008.1.2.4.94",  # JPIP
        "1.2.840.10008.1.2.4.95",  # JPIP deflated
        "1.2.840.10008.1.2.4.204",  # JPIP HTJ2K
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K deflated
        "1.2.840.113619.5.2",  # a maker's own
        "1.2.3.4.5.6",  # invented
        "",
    ],
)
def test_a_syntax_we_do_not_name_is_refused(syntax: str) -> None:
    """Deflated, elsewhere, private, invented."""
    assert answer(CT, syntax)[0] is BAD_SYNTAX


def test_a_context_without_a_transfer_syntax_is_refused() -> None:
    """It may not be, and comes all the same."""
    assert answer(CT)[0] is BAD_SYNTAX


def test_lossless_comes_before_lossy_and_nothing_stands_twice() -> None:
    """The order is the guarantee."""
    assert max(map(OUR_ORDER.index, LOSSLESS)) < min(map(OUR_ORDER.index, LOSSY))
    assert len(set(OUR_ORDER)) == len(OUR_ORDER)
    assert not [syntax for syntax in OUR_ORDER if syntax.endswith(".99")]


@pytest.mark.parametrize(
    ("abstract_syntax", "accepted"),
    [
        (CT, True),
        ("1.2.840.10008.5.1.4.1.1.1.1", True),  # DX for presentation
        ("1.2.840.10008.5.1.4.1.1.88.67", True),  # radiation dose SR
        ("1.2.840.10008.5.1.4.1.1.104.1", True),  # encapsulated PDF
        ("1.2.840.10008.5.1.4.1.1.999.9", True),  # of a later edition
        ("1.2.840.10008.5.1.4.34.7", True),  # RT beams delivery instruction
        (PRIVATE, True),
        ("1.3.12.2.1107.5.9.1", True),  # Siemens CSA non-image
        (VERIFICATION, False),  # accepted, but no storage
        ("1.2.840.10008.5.1.4.1.2.2.1", False),  # study root find
        ("1.2.840.10008.5.1.4.1.2.2.2", False),  # study root move
        ("1.2.840.10008.5.1.4.31", False),  # modality worklist
        ("1.2.840.10008.1.20.1", False),  # storage commitment
        ("1.2.840.10008.5.1.4.1.1.200.4", False),  # protocol approval find
        ("1.2.840.10008.5.1.4.1.1.201.2", False),  # inventory find
        ("1.2.840.10008.5.1.4.1.1.201.1.1", False),
        ("1.2.840.10008.3.1.2.3.3", False),  # MPPS
        ("", False),
        ("1.2.840.10008.5.1.4.1.1.", False),
        ("1.2.x", False),
        ("1." + "9" * 80, False),
    ],
)
def test_storage_classes(abstract_syntax: str, accepted: bool) -> None:
    """Standard by its root, private by not being standard; no queries."""
    assert is_storage(abstract_syntax) is accepted


def test_verification_is_accepted() -> None:
    """C-ECHO, the technologist's first question."""
    assert answer(VERIFICATION, IMPLICIT_LITTLE) == (ContextResult.ACCEPTED, IMPLICIT_LITTLE)
    assert answer(VERIFICATION, JPEG_BASELINE)[0] is BAD_SYNTAX


def test_queries_are_refused_by_class() -> None:
    """The answer says which of the two was wrong."""
    assert answer("1.2.840.10008.5.1.4.1.2.2.1", IMPLICIT_LITTLE)[0] is BAD_CLASS


def test_the_same_class_in_many_contexts_gets_an_answer_each() -> None:
    """As DCMTK proposes: one context a syntax."""
    proposed = [
        Proposed(number, CT, (syntax,))
        for number, syntax in zip(range(1, 256, 2), OUR_ORDER, strict=False)
    ]
    answered = negotiate(proposed[::-1])
    assert [each.context_id for each in answered] == sorted(each.context_id for each in proposed)
    assert [each.transfer_syntax for each in answered] == list(OUR_ORDER)


def test_128_contexts() -> None:
    """As many as there can be."""
    proposed = [Proposed(n, CT, (EXPLICIT_LITTLE, DEFLATED)) for n in range(1, 256, 2)]
    answered = negotiate(proposed)
    assert len(answered) == 128
    assert {each.result for each in answered} == {ContextResult.ACCEPTED}
