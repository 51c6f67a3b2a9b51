"""The header of RFC 5424 and the frames of RFC 5425."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.audit.syslog import frame, syslog_message
from tests.fakes.collector import parse


def test_the_header_is_that_of_the_standard() -> None:
    raw = syslog_message(b"<A/>", "flers-1", 7, 1_800_000_000.5, is_failure=False)
    assert raw == (
        b"<85>1 2027-01-15T08:00:00.500Z flers-1 bocage - DICOM+RFC3881"
        b' [meta sequenceId="7"] \xef\xbb\xbf<A/>'
    )


def test_a_failure_is_a_warning() -> None:
    raw = syslog_message(b"<A/>", "flers-1", 7, 1_800_000_000.0, is_failure=True)
    assert parse(raw).priority == 84


def test_the_number_stays_within_what_the_rfc_allows() -> None:
    numbers = [
        parse(syslog_message(b"", "d", number, 0.0, is_failure=False)).number
        for number in (1, 2147483647, 2147483648)
    ]
    assert numbers == [1, 2147483647, 1]


@given(st.lists(st.binary(max_size=300)))
def test_frames_are_told_apart_whatever_is_in_them(messages: list[bytes]) -> None:
    stream, found = b"".join(map(frame, messages)), []
    while stream:
        length, _, rest = stream.partition(b" ")
        found.append(rest[: int(length)])
        stream = rest[int(length) :]
    assert found == messages
