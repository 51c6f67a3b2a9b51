"""A cap on a line that could do more, changed while the stream runs.

What is counted is what a cap counts: bytes that enter the tunnel, headers of TCP and IP included.
"""

from __future__ import annotations

import json

from bocage_contract.configuration import Desired
from tests.bench import targets
from tests.bench.ground import Ground, a_ground, carried, now, pause, tell, tunnel_of
from tests.bench.inputs import prepared
from tests.bench.lines import LINES, described
from tests.bench.options import Options
from tests.bench.table import Row, row

CAPS_MBIT = (4, 10)
SETTLE_S, MEASURED_S = 3.0, 30.0
INSTANCES = 200  # 100 MB: more than the line carries meanwhile
LINE = "20"


def run(options: Options) -> list[Row]:
    """Measure each cap once: thirty seconds are their own median."""
    with a_ground(options.name) as ground:
        ground.put_line(LINES[LINE])
        cap(ground, CAPS_MBIT[0])
        sent = ground.send(prepared("backlog")[:INSTANCES], associations=4)
        rows = []
        for mbit in CAPS_MBIT:
            cap(ground, mbit)
            rows.append(_measured(ground, mbit))
        cap(ground, None)
        ground.arrived(sent)
        ground.check_nothing_lost()
    return rows


def cap(ground: Ground, mbit: int | None) -> None:
    """Put another cap on what the hospital sends, by a new signed configuration."""
    hospital = ground.lab.hospital
    document = json.loads(hospital.cli("config", "show"))
    document["revision"] += 1
    all_day = {"from": "00:00", "to": "00:00", "mbit": mbit}
    document["links"][0]["cap_mbit"] = [] if mbit is None else [all_day]
    ground.signer.load(hospital, Desired.of(document))


def _measured(ground: Ground, mbit: int) -> Row:
    hospital = ground.lab.hospital
    tunnel = tunnel_of(hospital)
    pause(SETTLE_S)
    began, before = now(), carried(hospital, tunnel)[1]
    pause(MEASURED_S)
    ended, after = now(), carried(hospital, tunnel)[1]
    measured = round((after - before) * 8e-6 / (ended - began), 3)
    tell(f"cap {mbit} Mbit/s: {measured} Mbit/s")
    return row(
        "pacing",
        abs(measured / mbit - 1) <= targets.PACING_SHARE,
        line=described(LINES[LINE]),
        cap_mbit=mbit,
        measured_mbit_s=measured,
        off=round(measured / mbit - 1, 4),
        must=targets.PACING_SHARE,
    )
