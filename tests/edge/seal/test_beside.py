"""Two listeners of one data set: neither changes what the other hears."""

from __future__ import annotations

import pytest

from bocage_edge.exam.heard import LAST_TAG, Heard
from bocage_edge.seal.beside import Beside
from bocage_edge.seal.content import ContentDigest
from bocage_edge.seal.scanner import ContentSink, Scanner
from tests.edge.exam.test_heard import EXPECTED, EXPLICIT, a_report, an_item, written

CONTENT = 0x0040A730
RAW = written(a_report(), EXPLICIT)
LONG = RAW + written(an_item(ContentSequence=[an_item(TextValue="x" * 5000)] * 3), EXPLICIT)


def walked(raw: bytes, first: ContentSink, second: ContentSink, last_tag: int = LAST_TAG) -> None:
    """Scan a data set for two."""
    scan(raw, Beside(first, second, last_tag))


def scan(raw: bytes, sink: ContentSink) -> None:
    """Scan a data set for one."""
    scanner = Scanner(EXPLICIT, sink)
    scanner.feed(raw)
    scanner.close()


class Tags:
    """Keeps the tags it hears."""

    def __init__(self) -> None:
        """Begin."""
        self.heard: list[int] = []

    def value(self, tag: int, value: bytes, number_bytes: int) -> None:
        """Keep it."""
        self.heard.append(tag)

    def long_value(self, tag: int, length: int, number_bytes: int) -> None:
        """Keep it."""
        self.heard.append(tag)

    def begin_sequence(self, tag: int) -> None:
        """Keep it."""
        self.heard.append(tag)

    def more(self, data: memoryview) -> None:
        """Pass."""

    def end_sequence(self) -> None:
        """Pass."""

    def begin_item(self) -> None:
        """Pass."""

    def end_item(self) -> None:
        """Pass."""

    def pixels(self) -> None:
        """Pass."""

    def give_up(self) -> None:
        """Pass."""

    def flush(self) -> None:
        """Pass."""


@pytest.mark.parametrize("last_tag", [0, 0x00100020, LAST_TAG, 0xFFFFFFFF])
def test_the_first_hears_as_if_it_were_alone(last_tag: int) -> None:
    """Its digest is the same, wherever the second stops."""
    alone, beside = ContentDigest(), ContentDigest()
    scan(LONG, alone)
    walked(LONG, beside, Heard(), last_tag)
    assert beside.finish([]) == alone.finish([])


def test_the_second_hears_up_to_its_last_element() -> None:
    """Whole sequences, and nothing behind them."""
    ear = Heard()
    walked(RAW, ContentDigest(), ear)
    assert ear.identities() == EXPECTED
    tags = Tags()
    walked(LONG, Heard(), tags)
    assert LAST_TAG in tags.heard
    assert CONTENT not in tags.heard
