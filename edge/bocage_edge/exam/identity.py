"""Names for exams and instances that tell a stranger nothing.

Both are keyed hashes; the key of a link is known to its two boxes only, so neither the console nor
somebody who steals a spool index can go from a name back to a Study or SOP Instance UID. The two
kinds have separate labels: an instance never bears the name of an exam.
"""

from __future__ import annotations

import hashlib
import hmac

# Ours: how long the names are, and the labels that keep the kinds apart.
ID_BYTES = 16
_EXAM = b"bocage:exam:1\0"
_INSTANCE = b"bocage:instance:1\0"
_MESSAGE = b"bocage:message:1\0"
_CLASS = b"bocage:class:1\0"
_TRANSACTION = b"bocage:transaction:1\0"
# Stands where an exam's id does, of a document whose exam is not known.
NO_EXAM = "0" * (2 * ID_BYTES)

# Crockford's base32: no I, L, O, U, which people mistake for others when they read aloud.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REF_DIGITS = 6
_REF_BITS = 5 * _REF_DIGITS


def exam_id(link_key: bytes, study_uid: str) -> str:
    """Name an exam on one link, 32 hex digits.

    Args:
        link_key: at least 16 bytes, shared by the two boxes of the link.
        study_uid: Study Instance UID; padding at its end does not count.

    Raises:
        ValueError: the key is too short to keep anything secret.
    """
    return _keyed(link_key, _EXAM, study_uid)


def instance_key(link_key: bytes, sop_instance_uid: str) -> str:
    """Name an instance on one link, 32 hex digits.

    Raises:
        ValueError: the key is too short to keep anything secret.
    """
    return _keyed(link_key, _INSTANCE, sop_instance_uid)


def message_key(link_key: bytes, sender: str, control_id: str) -> str:
    """Name a message on one link, 32 hex digits; so that one which comes again is known.

    Args:
        sender: its name in the configuration.
        control_id: MSH-10; unique with each sender only.

    Raises:
        ValueError: the key is too short to keep anything secret.
    """
    return _keyed(link_key, _MESSAGE, f"{sender}\0{control_id}")


def class_key(link_key: bytes, sop_class_uid: str) -> str:
    """Name a SOP class on one link, 32 hex digits: to compare, not to hide.

    Raises:
        ValueError: the key is too short to keep anything secret.
    """
    return _keyed(link_key, _CLASS, sop_class_uid)


def transaction_key(link_key: bytes, transaction_uid: str) -> str:
    """Name a request for storage commitment on one link, 32 hex digits.

    Raises:
        ValueError: the key is too short to keep anything secret.
    """
    return _keyed(link_key, _TRANSACTION, transaction_uid)


def exam_ref(exam: str) -> str:
    """Shorten an exam id for people on the telephone: `B7-4Q2K`, 30 bits, never a key.

    Args:
        exam: 32 hex digits.
    """
    number = int(exam, 16) >> (8 * ID_BYTES - _REF_BITS)
    digits = "".join(_ALPHABET[number >> shift & 31] for shift in range(_REF_BITS - 5, -1, -5))
    return f"{digits[:2]}-{digits[2:]}"


def _keyed(link_key: bytes, label: bytes, uid: str) -> str:
    if len(link_key) < ID_BYTES:
        raise ValueError(f"a link key of {len(link_key)} bytes is too short")
    named = label + strip_uid(uid).encode("utf-8", "surrogateescape")
    return hmac.new(link_key, named, hashlib.sha256).digest()[:ID_BYTES].hex()


def strip_uid(uid: str) -> str:
    """Take the padding off a UID: NUL by the standard, spaces by habit of some modalities.

    Source: PS3.5 9.1, 6.2.
    """
    return uid.rstrip("\0 ").lstrip(" ")
