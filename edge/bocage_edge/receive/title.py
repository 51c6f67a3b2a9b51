"""AE titles as strangers send them: 16 bytes that may hold anything."""

from __future__ import annotations

from bocage_contract.names import AE_TITLE


def read_title(raw: bytes) -> str | None:
    """Read the AE title field of an A-ASSOCIATE-RQ.

    Leading and trailing spaces do not count. Some peers pad with NUL; what follows it is not read.

    Returns:
        None where it is empty or has a character no configured title can have.

    Source: PS3.8 table 9-11, PS3.5 table 6.2-1 (AE).
    """
    text = raw.split(b"\0", 1)[0].decode("latin-1").strip(" ")
    return text if AE_TITLE.fullmatch(text) else None


def shown_title(raw: bytes) -> str:
    """Give a title that may stand in a log line or a ledger entry, whatever was sent.

    Returns:
        At most 16 characters of the alphabet that needs no quoting; any other becomes `:`,
        which no configured title has, so that a hostile title can't pass for a real one.
    """
    text = raw[:16].decode("latin-1").strip(" \0")
    return "".join(c if AE_TITLE.fullmatch(c) or c == " " else ":" for c in text) or "(empty)"
