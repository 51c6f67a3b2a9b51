"""Object to object: from a sealed object in one spool to the same in the other, durable.

The sender's relay is held still while the modality fills the spool, and the receiver delivers
nothing meanwhile: what is measured is the stream alone, over a connection that is up already.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.topology import PRACTICE_TUNNEL_ADDRESS, Line
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import spawn
from tests.bench import targets
from tests.bench.ground import (
    Ground,
    Sent,
    a_ground,
    carried,
    now,
    objects,
    resent_segments,
    tell,
    tunnel_of,
)
from tests.bench.inputs import prepared
from tests.bench.lines import FAR, LINES, NEAR, described
from tests.bench.options import Options
from tests.bench.peers import listening, opened
from tests.bench.table import Row, middle, row

RANDOM = {"20": "random", "100": "random", "8": "random20"}
SEGMENT_BYTES = 1420  # a full packet in the tunnel
IPERF_PORT = 5201
IPERF_TIMEOUT_S = 120.0


class Passage:
    """One set, object to object."""

    def __init__(self, ground: Ground, files: Sequence[Path], associations: int = 4) -> None:
        """Fill the sender's spool, let the stream run, deliver what came, and check it."""
        lab = ground.lab
        lab.practice.stop("deliver")
        tunnel = tunnel_of(lab.hospital)
        earlier = {path.name for path in objects(lab.hospital)}  # not told yet: delivered
        with ground.frozen(lab.hospital, "relay"):
            sent = ground.send(files, associations=associations)
            there = objects(lab.hospital)
            sealed = {path.name: path.stat().st_size for path in there if path.name not in earlier}
            before, resent = carried(lab.hospital, tunnel)[1], resent_segments(lab.hospital)
            began = now()
        wait_until(lambda: _has(lab.practice, sealed), IPERF_TIMEOUT_S, "all objects")
        self.seconds = _last_named(lab.practice, sealed) - began
        self.wire_bytes = carried(lab.hospital, tunnel)[1] - before
        self.resent_bytes = (resent_segments(lab.hospital) - resent) * SEGMENT_BYTES
        self.sealed_bytes = sum(sealed.values())
        _deliver(ground, sent)

    @property
    def mbit_s(self) -> float:
        """Goodput in sealed bytes."""
        return self.sealed_bytes * 8e-6 / self.seconds


def _has(box: LabBox, sealed: dict[str, int]) -> bool:
    return len({path.name for path in objects(box)}.intersection(sealed)) == len(sealed)


def _last_named(box: LabBox, sealed: dict[str, int]) -> float:
    """Unix second at which the last object got its name, which it gets when it is durable."""
    return max(path.stat().st_ctime for path in objects(box) if path.name in sealed)


def _deliver(ground: Ground, sent: Sent) -> None:
    ground.lab.practice.start("deliver")
    ground.lab.practice.unlock()
    ground.arrived(sent)
    ground.clear_station()


def run(options: Options) -> list[Row]:
    """Measure goodput on each line, round trips, and what the wire carries beside the objects."""
    with a_ground(options.name) as ground:
        rows = [_goodput(ground, line, options.runs) for line in options.lines]
        rows += [_round_trips(ground, options.runs)]
        ground.check_nothing_lost()
        return rows


def _goodput(ground: Ground, line: str, runs: int) -> Row:
    ground.put_line(LINES[line])
    ours: list[float] = []
    iperf: list[float] = []
    wire: list[float] = []
    resent: list[float] = []
    files = prepared(RANDOM[line])
    for _ in range(runs):
        passage = Passage(ground, files)
        ours.append(passage.mbit_s)
        wire.append(passage.wire_bytes / passage.sealed_bytes)
        resent.append(passage.resent_bytes / passage.sealed_bytes)
        iperf.append(iperf_mbit_s(ground, passage.sealed_bytes))
        tell(
            f"{line}: {passage.seconds:.2f} s, {ours[-1]:.2f} Mbit/s, iperf3 {iperf[-1]:.2f}, "
            f"wire/sealed {wire[-1]:.3f}, of which sent again {resent[-1]:.3f}"
        )
    share = round(middle(ours) / middle(iperf), 3)
    overhead = round(middle(wire), 3)
    # What is lost on the way is sent again: there the wire is the line's, not ours.
    must_wire = None if LINES[line].loss_pct else targets.WIRE_OVER_SEALED
    return row(
        "stream",
        share >= targets.GOODPUT_SHARE and (must_wire is None or overhead <= must_wire),
        line=described(LINES[line]),
        set=RANDOM[line],
        ours_mbit_s=middle(ours),
        iperf3_mbit_s=middle(iperf),
        share=share,
        must=targets.GOODPUT_SHARE,
        wire_over_sealed=overhead,
        must_wire=must_wire,
        resent=middle(resent),
    )


def iperf_mbit_s(ground: Ground, count: int) -> float:
    """Send bytes from box to box by iperf3 with BBR; give what was received, in Mbit/s."""
    lab = ground.lab
    with opened(ground):
        server = spawn(["iperf3", "--server", "--one-off"], namespace=lab.practice.namespace)
        with listening(server, IPERF_PORT):
            printed = lab.hospital.host.run(
                [
                    *("iperf3", "--client", PRACTICE_TUNNEL_ADDRESS, "--congestion", "bbr"),
                    *("--bytes", str(count), "--json"),
                ],
                timeout_s=IPERF_TIMEOUT_S,
            )
    return float(json.loads(printed)["end"]["sum_received"]["bits_per_second"]) / 1e6


def _round_trips(ground: Ground, runs: int) -> Row:
    seconds = {name: _grains_s(ground, line, runs) for name, line in (("far", FAR), ("near", NEAR))}
    ratio = round(seconds["far"] / seconds["near"], 3)
    return row(
        "stream",
        ratio <= targets.FAR_OVER_NEAR,
        line=f"{described(FAR)} against {described(NEAR)}",
        set="1,000 small, random bytes",
        far_s=seconds["far"],
        near_s=seconds["near"],
        ratio=ratio,
        must=targets.FAR_OVER_NEAR,
    )


def _grains_s(ground: Ground, line: Line, runs: int) -> float:
    ground.put_line(line)
    times = []
    for _ in range(runs):
        times.append(Passage(ground, prepared("grains")).seconds)
        tell(f"1,000 small: {times[-1]:.2f} s")
    return middle(times)
