"""What must be reached. Pure."""

from __future__ import annotations

# The best peer's time over ours, by line and set.
WAN_RATIO = {
    ("20", "CT"): 3.0,
    ("100", "CT"): 3.0,
    ("8", "CT"): 4.5,
    ("20", "CR"): 2.0,
    ("100", "CR"): 2.2,
    ("8", "small"): 8.0,
}
PROCESS_MB = 200.0

GOODPUT_SHARE = 0.97  # of iperf3's received goodput, same congestion control, same minute
FAR_OVER_NEAR = 1.15  # 1,000 small objects at 300 ms against 5 ms
WIRE_OVER_SEALED = 1.06

REPEATED_MIB = 4.0  # per cut
TRAFFIC_AGAIN_S = 10.0

URGENT_OVER_EMPTY = 1.3

PACING_SHARE = 0.05  # off the cap, at most

CT_ONE_MB_S, CT_FOUR_MB_S = 60.0, 80.0
SMALL_OVER_ORTHANC = 1.4
LARGE_ANSWER_S = 2.0
LARGE_RESIDENT_MB = 150.0
