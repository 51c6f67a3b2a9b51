"""How a page of ledger entries is packed in an ENTRIES frame: as it is, or by zlib. Pure.

Entries are canonical JSON whose keys repeat; on a slow line they travel beside the exams. What
comes is the partner's word: no more of it is unpacked than a page may have.

Source: RFC 1950; docs/relay-protocol.md section 7.
"""

import zlib

PLAIN, ZLIB = 0, 1
# Below this there is nothing to gain.
PACKED_FROM_BYTES = 512


def pack(encoding: int, page: bytes) -> bytes:
    """Give the bytes of a page in an encoding."""
    return page if encoding == PLAIN else zlib.compress(page)


def unpack(encoding: int, packed: bytes, limit_bytes: int) -> bytes:
    """Give a page back.

    Raises:
        ValueError: an unknown encoding, damaged, cut, longer than the limit, or more behind it.
    """
    if encoding == PLAIN:
        return packed
    if encoding != ZLIB:
        raise ValueError("encoding")
    stream = zlib.decompressobj()
    try:
        page = stream.decompress(packed, limit_bytes)
    except zlib.error:
        raise ValueError("damaged") from None
    if not stream.eof or stream.unused_data:
        raise ValueError("length")
    return page
