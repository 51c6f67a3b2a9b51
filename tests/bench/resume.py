"""Cuts at random moments, and a power cut at either box: what is sent twice, and how soon again.

What is repeated is what the sender put into the tunnel beyond what the same stream takes without a
cut: also what was on its way and lost. Doubled is a delivery that stands in the ledger twice.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from bocage_provisioning.lab.boxes import LabBox
from bocage_provisioning.lab.waiting import wait_until
from tests.bench import targets
from tests.bench.ground import (
    Ground,
    a_ground,
    carried,
    now,
    objects,
    pause,
    tell,
    tunnel_of,
)
from tests.bench.inputs import prepared
from tests.bench.lines import LINES, described
from tests.bench.options import Options
from tests.bench.stream import Passage
from tests.bench.table import Row, row

CUTS = 20
LINE = "20"
RUNNING_S = (0.3, 2.5)  # between two cuts
CUT_S = (0.3, 14.0)  # short ones, which TCP survives, and such as end the connection
TRAFFIC_BYTES = 50_000  # more than a handshake
AGAIN_TIMEOUT_S = 60.0


def run(options: Options) -> list[Row]:
    """Cut, then reboot each box."""
    with a_ground(options.name) as ground:
        ground.put_line(LINES[LINE])
        plain = Passage(ground, prepared("random"))
        overhead = plain.wire_bytes / plain.sealed_bytes
        tell(f"without a cut: wire/sealed {overhead:.3f}")
        rows = [_cuts(ground, prepared("boulders"), overhead)]
        rows += [
            _reboot(ground, box, prepared("random"))
            for box in (ground.lab.hospital, ground.lab.practice)
        ]
        ground.check_nothing_lost()
        return rows


def _cuts(ground: Ground, files: Sequence[Path], overhead: float) -> Row:
    lab = ground.lab
    chance = random.Random(20)  # noqa: S311 - no secret
    tunnel = tunnel_of(lab.hospital)
    delivered, earlier = ground.delivered(), {path.name for path in objects(lab.hospital)}
    before = carried(lab.hospital, tunnel)[1]
    with ground.frozen(lab.hospital, "relay"):
        sent = ground.send(files)
        sealed = [path.stat().st_size for path in objects(lab.hospital) if path.name not in earlier]
    again = []
    for number in range(CUTS):
        pause(chance.uniform(*RUNNING_S))
        lab.cut()
        pause(chance.uniform(*CUT_S))
        before_traffic = _received(lab.practice)
        lab.restore()
        again.append(_traffic_again_s(lab.practice, now(), before_traffic))
        tell(f"cut {number + 1}: traffic after {again[-1]:.2f} s")
    assert not _is_all_there(ground, len(files)), "the stream ended before the last cut"
    ground.arrived(sent)
    repeated = carried(lab.hospital, tunnel)[1] - before - sum(sealed) * overhead
    per_cut = round(max(repeated, 0) / CUTS / 2**20, 3)
    doubled = ground.delivered() - delivered - len(files)
    ground.clear_station()
    return row(
        "resume",
        per_cut <= targets.REPEATED_MIB and max(again) <= targets.TRAFFIC_AGAIN_S and not doubled,
        line=described(LINES[LINE]),
        what=f"{CUTS} cuts",
        repeated_mib=per_cut,
        must_mib=targets.REPEATED_MIB,
        again_s=round(max(again), 2),
        must_s=targets.TRAFFIC_AGAIN_S,
        lost=0,
        doubled=doubled,
    )


def _is_all_there(ground: Ground, count: int) -> bool:
    return len(ground.lab.station.files()) >= count


def _traffic_again_s(box: LabBox, began: float, before: int) -> float:
    """Wait until the stream runs again; give the seconds since `began`.

    Args:
        before: bytes its tunnel had received by then.
    """
    wait_until(
        lambda: _received(box) - before > TRAFFIC_BYTES, AGAIN_TIMEOUT_S, "traffic after a cut"
    )
    return now() - began


def _received(box: LabBox) -> int:
    """Bytes the box's tunnel has received; 0 while it has none."""
    try:
        return carried(box, tunnel_of(box))[0]
    except StopIteration:
        return 0


def _reboot(ground: Ground, box: LabBox, files: Sequence[Path]) -> Row:
    """Kill everything on a box in the middle, start it, and type the code; timed from the start."""
    lab = ground.lab
    delivered = ground.delivered()
    with ground.frozen(lab.hospital, "relay"):
        sent = ground.send(files)
    pause(4.0)
    box.cut_power()
    assert not _is_all_there(ground, len(files)), "the stream ended before the power cut"
    began, before = now(), _received(lab.practice)
    box.boot()
    box.unlock()
    again = round(_traffic_again_s(lab.practice, began, before), 2)
    ground.arrived(sent)
    doubled = ground.delivered() - delivered - len(files)
    tell(f"reboot of {box.name}: traffic after {again} s, {doubled} doubled")
    ground.clear_station()
    return row(
        "resume",
        again <= targets.TRAFFIC_AGAIN_S and not doubled,
        line=described(LINES[LINE]),
        what=f"reboot of the {box.name}'s box",
        repeated_mib=None,
        must_mib=None,
        again_s=again,
        must_s=targets.TRAFFIC_AGAIN_S,
        lost=0,
        doubled=doubled,
    )
