"""A sender as an information system is one: MLLP over a plain socket."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

START, END = b"\x0b", b"\x1c\r"
WAIT_S = 10.0


class MllpPeer:
    """One connection to a listener on loopback."""

    def __init__(self, port: int, *, source: str = "127.0.0.1") -> None:
        """Connect.

        Args:
            source: address to call from.
        """
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=WAIT_S, source_address=(source, 0)
        )
        self._held = b""

    def send(self, raw: bytes, *, end: bytes = END) -> None:
        """Send one message in its frame."""
        self.socket.sendall(START + raw + end)

    def answer(self) -> list[list[str]]:
        """Wait for one answer: its segments, cut into fields.

        Raises:
            ConnectionError: the connection ended before one was whole.
        """
        while END not in self._held:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("no answer")
            self._held += piece
        whole, _, self._held = self._held.partition(END)
        assert whole.startswith(START)
        segments = whole[1:].decode("utf-8").split("\r")
        assert segments[-1] == ""
        return [segment.split("|") for segment in segments[:-1]]

    def said(self, raw: bytes, *, end: bytes = END) -> tuple[str, str, str]:
        """Send a message and give MSA-1, MSA-2 and MSA-3 of the answer."""
        self.send(raw, end=end)
        return msa(self.answer())

    def is_ended(self) -> bool:
        """Wait for the end of the connection; False: something came instead."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self.socket.close()


def msa(answer: list[list[str]]) -> tuple[str, str, str]:
    """Give MSA-1 to 3 of an answer; empty where it leaves them out."""
    fields = next(segment for segment in answer if segment[0] == "MSA")
    code, control_id, text = (*fields[1:], "", "", "")[:3]
    return code, control_id, text
