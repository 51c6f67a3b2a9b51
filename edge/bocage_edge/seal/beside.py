"""Two that listen to one data set: the scanner tells the first of everything, the second beside it.

The second hears no further than it asks for: behind its last element the data set costs what it
costs one, however long it is.
"""

from __future__ import annotations

from collections.abc import Callable

from bocage_edge.seal.scanner import ContentSink


class Beside:
    """Passes on what a scanner tells (`scanner.ContentSink`)."""

    def __init__(self, first: ContentSink, second: ContentSink, last_tag: int) -> None:
        """Begin a data set.

        Args:
            last_tag: elements are in rising order (PS3.5 7.1); behind this one of the outermost
                data set the second hears nothing more.
        """
        self._first, self._second, self._last_tag = first, second, last_tag
        self._depth = 0
        self.more = first.more
        self.flush = first.flush
        self.value: Callable[[int, bytes, int], None] = self._value
        self.long_value: Callable[[int, int, int], None] = self._long_value
        self.begin_sequence: Callable[[int], None] = self._begin_sequence
        self.end_sequence: Callable[[], None] = self._end_sequence
        self.begin_item: Callable[[], None] = self._begin_item
        self.end_item: Callable[[], None] = self._end_item
        self.pixels: Callable[[], None] = self._pixels
        self.give_up: Callable[[], None] = self._give_up

    def _value(self, tag: int, value: bytes, number_bytes: int) -> None:
        self._first.value(tag, value, number_bytes)
        if self._hears(tag):
            self._second.value(tag, value, number_bytes)

    def _long_value(self, tag: int, length: int, number_bytes: int) -> None:
        self._first.long_value(tag, length, number_bytes)
        if self._hears(tag):
            self._second.long_value(tag, length, number_bytes)

    def _begin_sequence(self, tag: int) -> None:
        self._first.begin_sequence(tag)
        if self._hears(tag):
            self._depth += 1
            self._second.begin_sequence(tag)

    def _end_sequence(self) -> None:
        self._first.end_sequence()
        self._depth -= 1
        self._second.end_sequence()

    def _begin_item(self) -> None:
        self._first.begin_item()
        self._second.begin_item()

    def _end_item(self) -> None:
        self._first.end_item()
        self._second.end_item()

    def _pixels(self) -> None:
        self._first.pixels()
        self._second.pixels()

    def _give_up(self) -> None:
        self._first.give_up()
        self._second.give_up()

    def _hears(self, tag: int) -> bool:
        """Whether the second still listens; if not, the first is told without us."""
        if self._depth or tag <= self._last_tag:
            return True
        first = self._first
        self.value, self.long_value = first.value, first.long_value
        self.begin_sequence, self.end_sequence = first.begin_sequence, first.end_sequence
        self.begin_item, self.end_item = first.begin_item, first.end_item
        self.pixels, self.give_up = first.pixels, first.give_up
        return False
