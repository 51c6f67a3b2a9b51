from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.errors import SealError
from bocage_edge.seal.age import CHUNK_BYTES, TAG_BYTES, AgeWriter, Readable, age_read
from bocage_edge.seal.errors import BrokenSealError, NotForUsError
from bocage_edge.seal.keys import new_key
from bocage_system.command import LocalHost

KEY, OTHER = new_key(), new_key()
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 17 * CHUNK_BYTES + 5)


def encrypted(data: bytes, *recipients: str, piece: int = 50_000) -> bytes:
    out = io.BytesIO()
    writer = AgeWriter(out.write, recipients or (KEY.recipient,))
    for start in range(0, len(data), piece):
        writer.write(data[start : start + piece])
    writer.close()
    return out.getvalue()


def decrypted(sealed: bytes, secret: str = KEY.secret) -> bytes:
    return b"".join(age_read(io.BytesIO(sealed), [secret]))


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


class Trickle:
    """Gives fewer bytes than it is asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int, /) -> bytes:
        return self._data.read(min(size, 777))


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_in_comes_out(size: int) -> None:
    assert decrypted(encrypted(pattern(size))) == pattern(size)


@given(st.lists(st.binary(max_size=2 * CHUNK_BYTES), max_size=4))
def test_pieces_of_any_size_make_one_stream(pieces: list[bytes]) -> None:
    out = io.BytesIO()
    writer = AgeWriter(out.write, [KEY.recipient])
    for piece in pieces:
        writer.write(piece)
    writer.close()
    assert decrypted(out.getvalue()) == b"".join(pieces)


def test_a_reader_that_gets_little_at_a_time_is_served() -> None:
    source: Readable = Trickle(encrypted(pattern(100_000)))
    assert b"".join(age_read(source, [KEY.secret])) == pattern(100_000)


def test_each_recipient_opens_it_and_nobody_else() -> None:
    sealed = encrypted(b"exam", KEY.recipient, OTHER.recipient)
    assert decrypted(sealed, KEY.secret) == decrypted(sealed, OTHER.secret) == b"exam"
    with pytest.raises(NotForUsError):
        decrypted(sealed, new_key().secret)


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_opens_ours_and_we_open_its(size: int) -> None:
    identity = pyrage.x25519.Identity.from_str(KEY.secret)
    assert pyrage.decrypt(encrypted(pattern(size)), [identity]) == pattern(size)
    assert decrypted(pyrage.encrypt(pattern(size), [identity.to_public()])) == pattern(size)


@pytest.mark.processes
@pytest.mark.parametrize("size", [1, CHUNK_BYTES, 200_000])
def test_the_age_tool_opens_ours_and_we_open_its(size: int, tmp_path: Path) -> None:
    keyfile, plain, sealed, back = (tmp_path / name for name in ("key", "plain", "age", "back"))
    keyfile.write_text(KEY.secret + "\n")
    sealed.write_bytes(encrypted(pattern(size), OTHER.recipient, KEY.recipient))
    host = LocalHost()
    host.run(["age", "-d", "-i", keyfile, "-o", back, sealed])
    assert back.read_bytes() == pattern(size)
    plain.write_bytes(pattern(size))
    # A second recipient of another kind, which we pass over.
    host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ssh"])
    host.run(["age", "-R", tmp_path / "ssh.pub", "-r", KEY.recipient, "-o", back, plain])
    assert decrypted(back.read_bytes()) == pattern(size)


def cut_points(sealed: bytes) -> Iterator[int]:
    start = len(sealed) - 3 * (CHUNK_BYTES + TAG_BYTES)
    yield from (0, 1, 20, 100, start, len(sealed) - 1, len(sealed) - TAG_BYTES)
    yield from (start + (CHUNK_BYTES + TAG_BYTES) * n for n in (1, 2))


def test_a_file_that_was_cut_is_refused_wherever_it_was_cut() -> None:
    sealed = encrypted(pattern(3 * CHUNK_BYTES))
    for end in cut_points(sealed):
        with pytest.raises(BrokenSealError):
            decrypted(sealed[:end])


def test_chunks_cannot_be_exchanged_or_added() -> None:
    sealed, chunk = encrypted(pattern(3 * CHUNK_BYTES)), CHUNK_BYTES + TAG_BYTES
    head, one, two, three = (
        sealed[: -3 * chunk],
        sealed[-3 * chunk : -2 * chunk],
        sealed[-2 * chunk : -chunk],
        sealed[-chunk:],
    )
    for forged in (head + two + one + three, sealed + three, sealed + b"x", head + one + three):
        with pytest.raises(BrokenSealError):
            decrypted(forged)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_no_changed_byte_passes(place: int, flip: int) -> None:
    sealed = bytearray(SMALL)
    sealed[place % len(sealed)] ^= flip
    with pytest.raises(SealError):
        decrypted(bytes(sealed))


SMALL = encrypted(b"a small exam")


@given(st.binary(max_size=300))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    for raw in (data, b"age-encryption.org/v1\n" + data):
        with pytest.raises(SealError):
            decrypted(raw)


def test_a_header_without_end_is_not_read_for_ever() -> None:
    with pytest.raises(BrokenSealError):
        decrypted(b"age-encryption.org/v1\n" + b"-> grease x\n\n" * 100_000)


MISTYPED = KEY.recipient[:-1] + ("p" if KEY.recipient.endswith("q") else "q")


@pytest.mark.parametrize("text", ["", "age1", KEY.secret, MISTYPED, "age1é"])
def test_a_wrong_recipient_is_refused(text: str) -> None:
    with pytest.raises(SealError):
        AgeWriter(io.BytesIO().write, [text])


def test_sealing_to_nobody_is_refused() -> None:
    with pytest.raises(SealError):
        AgeWriter(io.BytesIO().write, [])


def test_no_secret_is_in_a_message() -> None:
    with pytest.raises(SealError) as caught:
        decrypted(SMALL, KEY.secret[:-1] + ("P" if KEY.secret.endswith("Q") else "Q"))
    assert KEY.secret[20:40] not in str(caught.value)
