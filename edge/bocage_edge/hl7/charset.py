"""Which characters a message is written in, whatever it says of itself. Pure.

What real systems do with MSH-18: leave it out and send Latin-1 (or UTF-8); say 8859/1 and send what
Windows calls so, with its dashes and quotation marks between 0x80 and 0x9F; say 8859/1 and send
UTF-8 after an update. Bytes beyond ASCII that are well-formed UTF-8 throughout are never sensible
Latin text, so the bytes are believed before the word; else the word decides between the 8-bit sets.

Source: HL7 v2.5.1 2.15.9.18, table 0211; RFC 3629.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from bocage_edge.hl7.errors import UnwritableError

UTF_8 = "utf-8"
LATIN_1 = "iso8859-1"
WINDOWS = "cp1252"

# Table 0211 as Python calls them: the sets that leave ASCII, and with it our separators, alone.
_ISO_8859_PARTS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16})
_ISO = re.compile(r"(?:ISO[ _-]?)?8859[/_-](\d{1,2})")
_WINDOWS = frozenset({"CP1252", "WINDOWS-1252", "WINDOWS1252", "ANSI", "1252"})
_SHIFTED = re.compile(r"ISO[ _-]?(?:IR[ _-]?(?!6$)\d+|2022)|GB 18030|KS X 1001|CNS 11643|BIG-5")
_C1 = re.compile(rb"[\x80-\x9f]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Charset:
    """How to read a message.

    Args:
        codec: Python's name of it.
        is_as_said: the message says so itself, or is plain ASCII.
    """

    codec: str
    is_as_said: bool

    def decode(self, raw: bytes) -> str:
        """Read some bytes of the message; never fails."""
        try:
            return raw.decode(self.codec)
        except UnicodeDecodeError:
            return raw.decode(LATIN_1)

    def encode(self, text: str) -> bytes:
        """Write text for the message.

        Letters with their accents apart (NFD) are written as one where the set has only that.

        Raises:
            UnwritableError: it has no character for one of the text's.
        """
        for form in (text, unicodedata.normalize("NFC", text)):
            try:
                return form.encode(self.codec)
            except UnicodeEncodeError:
                pass
        raise UnwritableError("a character of it is not in the character set it is written in")


def charset_of(said: str, message: bytes) -> Charset:
    """Decide how to read a message.

    Args:
        said: first repetition of MSH-18; "" where it is absent.
        message: all of it.
    """
    named = _codec_named(said)
    if _BEYOND_ASCII.search(message) is None:
        return Charset(named or UTF_8, is_as_said=True)
    if _is_utf_8(message):
        return Charset(UTF_8, is_as_said=named == UTF_8)
    if named in (None, UTF_8, LATIN_1, "iso8859-15") and _C1.search(message):
        return Charset(WINDOWS, is_as_said=False)
    if named in (None, UTF_8):
        return Charset(LATIN_1, is_as_said=False)
    return Charset(named or LATIN_1, is_as_said=True)


def is_shifted(said: str) -> bool:
    """Say whether a set uses ASCII bytes for other characters, so that no separator is one.

    Args:
        said: first repetition of MSH-18.
    """
    return _SHIFTED.match(said.strip().upper()) is not None


def _codec_named(said: str) -> str | None:
    word = said.strip().upper()
    if "UTF-8" in word or "UTF8" in word or word == "UNICODE":
        return UTF_8
    if word in _WINDOWS:
        return WINDOWS
    found = _ISO.fullmatch(word)
    if found and int(found[1]) in _ISO_8859_PARTS:
        return f"iso8859-{int(found[1])}"
    return None


def _is_utf_8(message: bytes) -> bool:
    try:
        codecs.utf_8_decode(message, "strict", True)
    except UnicodeDecodeError:
        return False
    return True
