"""The age file format, written as bytes come and read as they are asked for.

Guarantees: the reader gives out nothing before its chunk is verified, and refuses a file that was
cut, lengthened or reordered. Only X25519 recipients; stanzas of other kinds are passed over.
Interoperable with the `age` tool and with pyrage, which however only pull from a file.

Source: https://c2sp.org/age · docs/adr/0003-age-in-push-style.md
"""

from __future__ import annotations

import functools
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bocage_edge.errors import SealError
from bocage_edge.seal import bech32
from bocage_edge.seal.errors import BrokenSealError, NotForUsError

# https://c2sp.org/age
VERSION_LINE = b"age-encryption.org/v1"
STANZA = b"->"
MAC_MARK = b"---"
X25519_INFO = b"age-encryption.org/v1/X25519"
RECIPIENT_PREFIX = "age"
IDENTITY_PREFIX = "age-secret-key-"
FILE_KEY_BYTES = 16
NONCE_BYTES = 16
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
BODY_COLUMNS = 64
ZERO_NONCE = bytes(12)

# Ours
HEADER_LIMIT_BYTES = 64 * 1024
READ_AHEAD_CHUNKS = 16


class Readable(Protocol):
    """Anything that gives up to `size` bytes, and none only at its end."""

    def read(self, size: int, /) -> bytes:
        """Give the next bytes."""


@dataclass(frozen=True, slots=True)
class Stanza:
    """One recipient's copy of the file key."""

    words: tuple[bytes, ...]
    body: bytes


class AgeWriter:
    """Encrypts to recipients whatever is written; `close` makes the file whole."""

    def __init__(self, sink_write: Callable[[bytes], object], recipients: Sequence[str]) -> None:
        """Write the header.

        Args:
            sink_write: takes every byte it is given, or raises.
            recipients: `age1…`, at least one.

        Raises:
            SealError: no recipient, or one that is not an X25519 recipient.
        """
        if not recipients:
            raise SealError("nobody to seal to", "the partner's card names the opening key")
        file_key, nonce = os.urandom(FILE_KEY_BYTES), os.urandom(NONCE_BYTES)
        self._write = sink_write
        self._cipher = ChaCha20Poly1305(derive(file_key, nonce, b"payload"))
        self._counter = 0
        self._held = bytearray()
        keys = [parse_recipient(each) for each in recipients]
        sink_write(
            header(file_key, [line for key in keys for line in _wrap(file_key, key)]) + nonce
        )

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt more; up to one chunk is held back, since the last one is marked."""
        view, start = memoryview(data), 0
        if self._held:
            start = min(CHUNK_BYTES - len(self._held), len(view))
            self._held += view[:start]
            if start == len(view):
                return
            self._emit(self._held)
            self._held.clear()
        while len(view) - start > CHUNK_BYTES:
            self._emit(view[start : start + CHUNK_BYTES])
            start += CHUNK_BYTES
        self._held += view[start:]

    def close(self) -> None:
        """Write the last chunk. The sink is the caller's to close."""
        self._emit(self._held, last=True)
        self._held.clear()

    def _emit(self, chunk: bytearray | memoryview, *, last: bool = False) -> None:
        self._write(self._cipher.encrypt(chunk_nonce(self._counter, last=last), chunk, None))
        self._counter += 1


def age_read(readable: Readable, identities: Sequence[str]) -> Iterator[bytes]:
    """Give the plaintext of an age file, verified chunk by chunk (64 KiB each but the last).

    Args:
        identities: `AGE-SECRET-KEY-1…`; any of them.

    Raises:
        NotForUsError: no identity opens it. Raised before the first chunk, at the first `next`.
        BrokenSealError: cut or changed; bytes given out so far were genuine, but not all there are.
    """
    source = Source(readable)
    lines, mac = read_header(source)
    file_key = _open_file_key(parse_stanzas(lines), [parse_identity(each) for each in identities])
    check_mac(file_key, lines, mac)
    nonce = source.exactly(NONCE_BYTES)
    yield from read_chunks(source, ChaCha20Poly1305(derive(file_key, nonce, b"payload")))


@functools.lru_cache(maxsize=64)
def parse_recipient(text: str) -> X25519PublicKey:
    """Read an `age1…` recipient.

    Raises:
        SealError: it is something else.
    """
    return X25519PublicKey.from_public_bytes(_key_bytes(text, RECIPIENT_PREFIX, "recipient"))


def parse_identity(text: str) -> X25519PrivateKey:
    """Read an `AGE-SECRET-KEY-1…` identity.

    Raises:
        SealError: it is something else; the message does not hold the text.
    """
    return X25519PrivateKey.from_private_bytes(_key_bytes(text, IDENTITY_PREFIX, "identity"))


def _key_bytes(text: str, prefix: str, what: str) -> bytes:
    try:
        found, key = bech32.decode(text.strip())
    except bech32.Bech32Error as error:
        raise SealError(f"not an age {what}: {error}") from None
    if found != prefix or len(key) != 32:
        raise SealError(f"not an age X25519 {what}")
    return key


def header(file_key: bytes, stanzas: Sequence[bytes]) -> bytes:
    """Write a header.

    Args:
        stanzas: the lines of all stanzas.
    """
    unsigned = b"\n".join([VERSION_LINE, *stanzas, MAC_MARK])
    return unsigned + b" " + b64(mac_of(file_key, unsigned)) + b"\n"


def _wrap(file_key: bytes, recipient: X25519PublicKey) -> list[bytes]:
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    salt = share + recipient.public_bytes_raw()
    wrapping = ChaCha20Poly1305(derive(ephemeral.exchange(recipient), salt, X25519_INFO))
    # 32 bytes are 43 characters: the body fits one line, which also ends it.
    return [b"-> X25519 " + b64(share), b64(wrapping.encrypt(ZERO_NONCE, file_key, None))]


def read_header(source: Source) -> tuple[list[bytes], bytes]:
    """Read up to the MAC line; gives the lines before it and the MAC."""
    if source.line() != VERSION_LINE:
        raise BrokenSealError("not an age file of version 1")
    lines, size = [VERSION_LINE], 0
    while not (line := source.line()).startswith(MAC_MARK):
        lines.append(line)
        size += len(line)
        if size > HEADER_LIMIT_BYTES:
            raise BrokenSealError("the age header is too long")
    return lines, unb64(line.removeprefix(MAC_MARK + b" "))


def parse_stanzas(lines: Sequence[bytes]) -> list[Stanza]:
    """Take the lines of a header apart.

    Raises:
        BrokenSealError: a stanza is not written as it must be.
    """
    stanzas, rest = [], list(reversed(lines[1:]))
    while rest:
        words = rest.pop().split(b" ")
        if len(words) < 2 or words[0] != STANZA:
            raise BrokenSealError("the age header is damaged")
        body: list[bytes] = []
        # A body ends with the first line that is not full, which may be empty.
        while not body or len(body[-1]) == BODY_COLUMNS:
            if not rest:
                raise BrokenSealError("the age header is damaged")
            body.append(rest.pop())
        stanzas.append(Stanza(tuple(words[1:]), unb64(b"".join(body))))
    return stanzas


def _open_file_key(stanzas: Sequence[Stanza], identities: Sequence[X25519PrivateKey]) -> bytes:
    for stanza in stanzas:
        if stanza.words[0] != b"X25519":
            continue
        if len(stanza.words) != 2 or len(stanza.body) != FILE_KEY_BYTES + TAG_BYTES:
            raise BrokenSealError("the age header is damaged")
        for identity in identities:
            file_key = _unwrap(stanza, identity)
            if file_key is not None:
                return file_key
    raise NotForUsError(
        "sealed to another key", "an older opening key, or the recovery key, may do"
    )


def _unwrap(stanza: Stanza, identity: X25519PrivateKey) -> bytes | None:
    share = unb64(stanza.words[1])
    salt = share + identity.public_key().public_bytes_raw()
    try:
        secret = identity.exchange(X25519PublicKey.from_public_bytes(share))
        wrapping = ChaCha20Poly1305(derive(secret, salt, X25519_INFO))
        return wrapping.decrypt(ZERO_NONCE, stanza.body, None)
    except InvalidTag:
        return None  # for another recipient
    except ValueError:
        raise BrokenSealError("the age header is damaged") from None  # a share of low order


def check_mac(file_key: bytes, lines: Sequence[bytes], mac: bytes) -> None:
    """Check that whoever had the file key wrote the header.

    Raises:
        BrokenSealError: it was changed.
    """
    unsigned = b"\n".join([*lines, MAC_MARK])
    if not hmac.compare_digest(mac_of(file_key, unsigned), mac):
        raise BrokenSealError("the age header was changed")


def read_chunks(source: Source, cipher: ChaCha20Poly1305) -> Iterator[bytes]:
    """Give the verified chunks of a payload.

    Raises:
        BrokenSealError: one was changed, or the file was cut or lengthened.
    """
    sealed_chunk, counter = CHUNK_BYTES + TAG_BYTES, 0
    ahead = source.up_to(READ_AHEAD_CHUNKS * sealed_chunk)
    while True:
        following = source.up_to(READ_AHEAD_CHUNKS * sealed_chunk)
        view = memoryview(ahead)
        for start in range(0, max(len(view), 1), sealed_chunk):
            chunk = view[start : start + sealed_chunk]
            last = not following and start + sealed_chunk >= len(view)
            yield _open_chunk(cipher, chunk, counter, last=last)
            counter += 1
        if not following:
            return
        ahead = following


def _open_chunk(cipher: ChaCha20Poly1305, chunk: memoryview, counter: int, *, last: bool) -> bytes:
    try:
        plain = cipher.decrypt(chunk_nonce(counter, last=last), chunk, None)
    except (InvalidTag, ValueError):
        raise BrokenSealError("a sealed chunk was changed, or the file was cut") from None
    if last and not plain and counter:
        raise BrokenSealError("an empty chunk at the end")
    return plain


def chunk_nonce(counter: int, *, last: bool) -> bytes:
    """Give the nonce of a chunk: 11 bytes of counter, one that marks the last chunk."""
    return counter.to_bytes(11) + (b"\x01" if last else b"\x00")


def derive(key: bytes, salt: bytes, info: bytes) -> bytes:
    """Derive 32 bytes (HKDF-SHA-256). Source: RFC 5869."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(key)


def mac_of(file_key: bytes, unsigned: bytes) -> bytes:
    """Give the MAC of a header up to and with its mark."""
    return hmac.digest(derive(file_key, b"", b"header"), unsigned, sha256)


def b64(data: bytes) -> bytes:
    """Write base64 without padding, as age does."""
    return b64encode(data).rstrip(b"=")


def unb64(text: bytes) -> bytes:
    """Read base64 without padding, in its one spelling.

    Raises:
        BrokenSealError: it is something else.
    """
    try:
        data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise BrokenSealError("the age header is damaged") from None
    if b64(data) != text:
        raise BrokenSealError("the age header is not written canonically")
    return data


class Source:
    """Lines, then exact lengths, out of a readable that may give less than asked."""

    def __init__(self, readable: Readable) -> None:
        self._readable = readable
        self._held = bytearray()

    def line(self) -> bytes:
        """Give the next line without its end."""
        while (end := self._held.find(b"\n")) < 0:
            more = self._readable.read(4096)
            if not more or len(self._held) > HEADER_LIMIT_BYTES:
                raise BrokenSealError("the age header has no end")
            self._held += more
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        return line

    def up_to(self, size: int) -> bytes:
        """Give `size` bytes, or what there is before the end."""
        while len(self._held) < size:
            more = self._readable.read(size - len(self._held))
            if not more:
                break
            self._held += more
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def exactly(self, size: int) -> bytes:
        """Give `size` bytes."""
        taken = self.up_to(size)
        if len(taken) != size:
            raise BrokenSealError("the file was cut")
        return taken
