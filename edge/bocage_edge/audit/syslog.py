"""An audit message as syslog carries it. Pure.

Source: RFC 5424 (header, BOM), RFC 5425 section 4.3 (octet counting), PS3.15 A.6 (facility 10,
MSGID). Severity: notice where all is well, warning where it is not.
"""

from __future__ import annotations

from datetime import UTC, datetime

FACILITY = 10  # security/authorization messages
NOTICE, WARNING = 5, 4
MESSAGE_ID = "DICOM+RFC3881"
APPLICATION = "bocage"
BOM = b"\xef\xbb\xbf"
LARGEST_SEQUENCE = 2147483647  # RFC 5424 section 7.3.1


def syslog_message(xml: bytes, device: str, number: int, at: float, *, is_failure: bool) -> bytes:
    """Put the header of RFC 5424 before an audit message.

    Args:
        xml: the AuditMessage, UTF-8.
        device: of the closed set of device ids.
        number: of the message on this box, the same again when it is sent again; it stands in
            `meta sequenceId`.
        at: Unix seconds.
    """
    severity = WARNING if is_failure else NOTICE
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    stamp = moment.removesuffix("+00:00") + "Z"
    sequence = (number - 1) % LARGEST_SEQUENCE + 1
    header = (
        f"<{FACILITY * 8 + severity}>1 {stamp} {device} {APPLICATION} - {MESSAGE_ID}"
        f' [meta sequenceId="{sequence}"] '
    )
    return header.encode("ascii") + BOM + xml


def frame(message: bytes) -> bytes:
    """Count the octets in front, so that a message may hold any."""
    return b"%d %s" % (len(message), message)
