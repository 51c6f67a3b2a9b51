"""The three lines everything is measured on, and the one with next to no delay. Pure.

A queue of 100 ms, as wan.c has it by default, is that of a good access line.
"""

from __future__ import annotations

from bocage_provisioning.lab.topology import Line

LINES = {
    "20": Line(rate_mbit=20, delay_ms=20),
    "100": Line(rate_mbit=100, delay_ms=10),
    "8": Line(rate_mbit=8, delay_ms=150, loss_pct=1),
}
FAR = Line(rate_mbit=20, delay_ms=150)  # lossless: shows what waits for round trips
NEAR = Line(rate_mbit=20, delay_ms=2.5)


def described(line: Line) -> str:
    """Say a line in words: "8 Mbit/s, 300 ms, 1 % loss"."""
    loss = f", {line.loss_pct:g} % loss" if line.loss_pct else ""
    return f"{line.rate_mbit:g} Mbit/s, {2 * line.delay_ms:g} ms{loss}"
