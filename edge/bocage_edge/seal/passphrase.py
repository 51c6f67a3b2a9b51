"""Small age files that a passphrase opens.

The work factor is fixed. pyrage measures the machine at every call: it makes files that a slower
machine, or the same one at a busy moment, then refuses to open ("excessive work"), which after a
power cut would be the right paper code said to be wrong. What we wrap has a passphrase of 130
random bits, so that the work need not slow anybody down; 2^15 keeps the `age` tool content and
takes 32 MiB.

Source: https://c2sp.org/age (The scrypt recipient type); RFC 7914
"""

from __future__ import annotations

import hashlib
import io
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from bocage_edge.errors import SealError
from bocage_edge.seal.age import (
    CHUNK_BYTES,
    FILE_KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    ZERO_NONCE,
    Source,
    b64,
    check_mac,
    chunk_nonce,
    derive,
    header,
    parse_stanzas,
    read_chunks,
    read_header,
    unb64,
)
from bocage_edge.seal.errors import BrokenSealError, NotForUsError

# https://c2sp.org/age
SCRYPT = b"scrypt"
LABEL = b"age-encryption.org/v1/scrypt"
SALT_BYTES = 16
BLOCK_SIZE, PARALLEL = 8, 1

# Ours
LOG_N = 15
LARGEST_LOG_N = 20  # 1 GiB: what earlier releases wrote, on the quickest machine


def seal_with_passphrase(plain: bytes, passphrase: str) -> bytes:
    """Encrypt something small.

    Raises:
        SealError: it is larger than one chunk, 64 KiB.
    """
    if len(plain) > CHUNK_BYTES:
        raise SealError("too large for a passphrase file")
    file_key, salt, nonce = (os.urandom(n) for n in (FILE_KEY_BYTES, SALT_BYTES, NONCE_BYTES))
    wrapping = ChaCha20Poly1305(_stretched(passphrase, salt, LOG_N))
    stanza = [
        b"-> %b %b %d" % (SCRYPT, b64(salt), LOG_N),
        b64(wrapping.encrypt(ZERO_NONCE, file_key, None)),
    ]
    payload = ChaCha20Poly1305(derive(file_key, nonce, b"payload"))
    sealed = payload.encrypt(chunk_nonce(0, last=True), plain, None)
    return header(file_key, stanza) + nonce + sealed


def open_with_passphrase(sealed: bytes, passphrase: str) -> bytes:
    """Decrypt what `seal_with_passphrase`, pyrage or the `age` tool made.

    Raises:
        NotForUsError: another passphrase, or not a passphrase file.
        BrokenSealError: cut or changed, or more work than we do.
    """
    source = Source(io.BytesIO(sealed))
    lines, mac = read_header(source)
    file_key = _file_key(lines, passphrase)
    check_mac(file_key, lines, mac)
    nonce = source.exactly(NONCE_BYTES)
    cipher = ChaCha20Poly1305(derive(file_key, nonce, b"payload"))
    return b"".join(read_chunks(source, cipher))


def _file_key(lines: list[bytes], passphrase: str) -> bytes:
    stanzas = parse_stanzas(lines)
    # A passphrase stanza stands alone, else whoever knows one recipient could guess at it.
    if len(stanzas) != 1 or stanzas[0].words[0] != SCRYPT:
        raise NotForUsError("not a passphrase file")
    words, body = stanzas[0].words, stanzas[0].body
    if len(words) != 3 or len(body) != FILE_KEY_BYTES + TAG_BYTES or not words[2].isdigit():
        raise BrokenSealError("the age header is damaged")
    salt, log_n = unb64(words[1]), int(words[2][:4])
    if len(salt) != SALT_BYTES or not 1 <= log_n <= LARGEST_LOG_N:
        raise BrokenSealError("the passphrase file asks for too much work")
    try:
        wrapping = ChaCha20Poly1305(_stretched(passphrase, salt, log_n))
        return wrapping.decrypt(ZERO_NONCE, body, None)
    except InvalidTag:
        raise NotForUsError("another passphrase") from None


def _stretched(passphrase: str, salt: bytes, log_n: int) -> bytes:
    n = 1 << log_n
    return hashlib.scrypt(
        passphrase.encode(),
        salt=LABEL + salt,
        n=n,
        r=BLOCK_SIZE,
        p=PARALLEL,
        maxmem=130 * BLOCK_SIZE * (n + 8),
        dklen=32,
    )
