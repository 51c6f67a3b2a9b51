"""Questions and answers between processes of one machine."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bocage_system.local_socket import LocalClient, LocalSocketError, Message, serve


def answer(uid: int, message: Message) -> Message:
    """Say who asked and what."""
    return {"uid": uid, "echo": message}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Run a server for one test."""
    place, stop = tmp_path / "keeper.sock", threading.Event()
    thread = threading.Thread(target=serve, args=(place, answer, stop))
    thread.start()
    while not place.exists() or not _listens(place):
        continue
    yield place
    stop.set()
    thread.join(10)


def _listens(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(place)) == 0


def test_the_server_learns_the_callers_user_from_the_kernel(path: Path) -> None:
    """A caller cannot claim to be somebody else."""
    client = LocalClient(path)
    assert client.call({"uid": 0, "a": [1]}) == {"uid": os.getuid(), "echo": {"uid": 0, "a": [1]}}
    client.close()


def test_a_second_question_waits_for_nothing(path: Path) -> None:
    """A client that waited for its own timeout before asking again would hang here."""
    client = LocalClient(path, timeout_s=3600)
    assert client.call({"a": 1})["echo"] == {"a": 1}
    assert client.call({"a": 2})["echo"] == {"a": 2}
    client.close()


def test_a_connection_that_broke_is_made_anew(path: Path) -> None:
    """A server that was started again answers the same client."""
    client = LocalClient(path)
    client.call({})
    assert client._connection is not None
    client._connection.shutdown(socket.SHUT_RDWR)
    assert client.call({"b": 1})["echo"] == {"b": 1}
    client.close()


def test_nobody_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    """The caller decides whether to wait."""
    with pytest.raises(LocalSocketError):
        LocalClient(tmp_path / "nobody").call({})


@pytest.mark.parametrize(
    "junk",
    [
        struct.pack(">I", 0xFFFFFFFF),
        struct.pack(">I", 3) + b"{]}",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 100) + b"short",
    ],
)
def test_a_caller_that_breaks_the_framing_loses_its_connection_only(
    path: Path, junk: bytes
) -> None:
    """The server goes on for everybody else."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(path))
        raw.sendall(junk)
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(16) == b""
    client = LocalClient(path)
    assert client.call({"c": 1})["echo"] == {"c": 1}
    client.close()


def test_a_message_that_is_too_large_is_not_sent(path: Path) -> None:
    """Eight megabytes are the limit on both sides."""
    client = LocalClient(path)
    with pytest.raises(LocalSocketError, match="too large"):
        client.call({"x": "y" * (8 << 20)})
    assert client.call({"d": 1})["echo"] == {"d": 1}
    client.close()
