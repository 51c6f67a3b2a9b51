"""How fast one link may send: the cap of the moment, and a token bucket that keeps to it. Pure.

What is counted is what enters the tunnel: the stream's bytes, and for each full packet of them the
headers of TCP and IPv6. The bucket is the link's, not a connection's: a line that breaks and comes
back does not begin with a burst.
"""

from collections.abc import Sequence

from bocage_contract.capacity import Cap, CapWindow, cap_at

# RFC 8200 section 3, RFC 9293 section 3.1, RFC 7323 section 3 (timestamps).
HEADER_BYTES = 40 + 20 + 12
# Chosen. What may go at once after a rest, and how much of the line one chunk takes while there is
# a cap: an urgent object waits for no more than that.
DEPTH_S = 0.1
CHUNK_S = 0.05
LEAST_CHUNK_BYTES = 8 * 1024
BIT_S_A_MBIT = 1_000_000


# Caps by the time of day, and the time zone of that.
Schedule = tuple[Sequence[CapWindow], str]


class Pacer:
    """The pace of one link; its schedule may change at any time."""

    def __init__(self, *schedules: Schedule) -> None:
        """Keep to schedules: of several caps the least holds."""
        self._schedules = _copied(schedules)
        self._cap: Cap | None = None
        self._tokens = 0.0  # bytes; negative: so much has gone too early
        self._at: float | None = None

    def follow(self, *schedules: Schedule) -> None:
        """Keep to other schedules from now on."""
        if self._schedules != _copied(schedules):
            self._schedules = _copied(schedules)
            self._cap = None

    def mbit(self, now: float) -> int | None:
        """Give the cap that holds; None: as much as the line takes.

        Args:
            now: Unix seconds.
        """
        cap = self._cap
        is_over = cap is None or (cap.until is not None and now >= cap.until)
        if cap is None or is_over:
            cap = self._cap = self._least(now)
        return cap.mbit

    def _least(self, now: float) -> Cap:
        caps = [cap_at(windows, timezone, now) for windows, timezone in self._schedules]
        return Cap(
            min((cap.mbit for cap in caps if cap.mbit is not None), default=None),
            min((cap.until for cap in caps if cap.until is not None), default=None),
        )

    def chunk_bytes(self, most: int, now: float) -> int:
        """Say how much may go in one piece."""
        mbit = self.mbit(now)
        if mbit is None:
            return most
        return min(most, max(LEAST_CHUNK_BYTES, int(_bytes_s(mbit) * CHUNK_S)))

    def spend(self, count: int, segment_bytes: int) -> None:
        """Bytes have gone.

        Args:
            count: of the stream.
            segment_bytes: what one packet carries of them.
        """
        self._tokens -= count + HEADER_BYTES * -(-count // max(segment_bytes, 1))

    def wait_s(self, now: float, ticks: float) -> float:
        """Say how long the next chunk must wait; 0: it may go.

        Args:
            now: Unix seconds, for the time of day.
            ticks: seconds of a clock that nobody sets.
        """
        mbit = self.mbit(now)
        passed_s = 0.0 if self._at is None else max(ticks - self._at, 0.0)
        self._at = ticks
        if mbit is None:
            self._tokens = 0.0
            return 0.0
        rate = _bytes_s(mbit)
        self._tokens = min(self._tokens + rate * passed_s, rate * DEPTH_S)
        return max(-self._tokens / rate, 0.0)


def _copied(schedules: Sequence[Schedule]) -> list[Schedule]:
    return [(list(windows), timezone) for windows, timezone in schedules]


def _bytes_s(mbit: int) -> float:
    return mbit * BIT_S_A_MBIT / 8
