"""An urgent exam on an empty line, and behind 500 MB of routine."""

from __future__ import annotations

from bocage_provisioning.lab.desired import URGENT_AET
from tests.bench import targets
from tests.bench.ground import Ground, a_ground, objects, tell
from tests.bench.inputs import prepared
from tests.bench.lines import LINES, described
from tests.bench.options import Options
from tests.bench.table import Row, middle, row

EXAM_INSTANCES = 4  # the four of one study
BEHIND_BYTES = 500_000_000
LINE = "20"


def run(options: Options) -> list[Row]:
    """Measure both, the same exam under new names each time."""
    with a_ground(options.name) as ground:
        ground.put_line(LINES[LINE])
        empty = [_exam_s(ground, "on an empty line") for _ in range(options.runs)]
        ground.send(prepared("backlog"), associations=4)
        behind = []
        for _ in range(options.runs):
            waiting = sum(path.stat().st_size for path in objects(ground.lab.hospital))
            behind.append(_exam_s(ground, f"behind {waiting / 1e6:.0f} MB"))
        assert waiting >= BEHIND_BYTES * 0.8, f"only {waiting} bytes were waiting"
    ratio = round(middle(behind) / middle(empty), 2)
    return [
        row(
            "urgent",
            ratio <= targets.URGENT_OVER_EMPTY,
            line=described(LINES[LINE]),
            set=f"CR, {EXAM_INSTANCES} instances",
            empty_s=middle(empty),
            behind_s=middle(behind),
            ratio=ratio,
            must=targets.URGENT_OVER_EMPTY,
        )
    ]


def _exam_s(ground: Ground, where: str) -> float:
    sent = ground.send(prepared("CR")[:EXAM_INSTANCES], URGENT_AET)
    seconds = ground.arrived(sent) - sent.began
    tell(f"urgent {where}: {seconds:.2f} s")
    return seconds
