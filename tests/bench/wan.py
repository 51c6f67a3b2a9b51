"""The whole road, from the first C-STORE at the modality to the last instance at the station."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import targets
from tests.bench.ground import Ground, a_ground, tell
from tests.bench.inputs import prepared, total_bytes
from tests.bench.lines import LINES, described
from tests.bench.options import Options
from tests.bench.peers import PEERS, PeerFailedError, peers_over_the_line
from tests.bench.processes import Cost, Meter
from tests.bench.table import Row, middle, row

SETS = ("CT", "CR", "small")
NO_LIMIT_S = 3600.0


def run(options: Options) -> list[Row]:
    """Measure every line and set that was asked for."""
    with a_ground(options.name) as ground:
        meter, sent_bytes, rows = Meter(ground.lab), 0, []
        for line in options.lines:
            ground.put_line(LINES[line])
            for name in options.sets or SETS:
                files = prepared(name)
                rows.append(_measured(ground, line, name, files, options, meter))
                sent_bytes += total_bytes(files) * options.runs
        ground.check_nothing_lost()
        return [*rows, *_costs(meter.costs, sent_bytes / 1e9)]


def _measured(
    ground: Ground, line: str, name: str, files: list[Path], options: Options, meter: Meter
) -> Row:
    ours: list[float] = []
    theirs: dict[str, list[float]] = defaultdict(list)
    given_up: set[str] = set()
    for _ in range(options.runs):
        ours.append(_ours(ground, files, meter))
        tell(f"{line} {name}: Bocage {ours[-1]:.2f} s")
        limit_s = options.limit * ours[-1] if options.limit else NO_LIMIT_S
        with peers_over_the_line(ground, files, options.peers or PEERS) as peers:
            for peer, send in peers.items():
                try:
                    theirs[peer].append(send(limit_s))
                except TimeoutError:
                    theirs[peer].append(limit_s)
                    given_up.add(peer)
                except PeerFailedError as error:
                    tell(f"{line} {name}: {error}")
                    continue
                tell(f"{line} {name}: {peer} {theirs[peer][-1]:.2f} s")
    return compared(line, name, ours, theirs, given_up)


def _ours(ground: Ground, files: Sequence[Path], meter: Meter) -> float:
    ground.warm()
    meter.begin()
    sent = ground.send(files)
    ended = ground.arrived(sent)
    meter.end()
    ground.clear_station()
    tell(f"the modality had its last answer after {sent.ended - sent.began:.2f} s")
    return ended - sent.began


def compared(
    line: str,
    name: str,
    ours: Sequence[float],
    theirs: Mapping[str, Sequence[float]],
    given_up: set[str],
) -> Row:
    """Compare medians.

    Args:
        given_up: peers that were stopped at the limit; their times are at least that.
    """
    peers_s = {peer: middle(times) for peer, times in theirs.items()}
    ratio = round(min(peers_s.values()) / middle(ours), 2) if peers_s else None
    must = targets.WAN_RATIO.get((line, name))
    return row(
        "wan",
        None if must is None or ratio is None else ratio >= must,
        line=described(LINES[line]),
        set=name,
        ours_s=middle(ours),
        peers_s=peers_s,
        at_least=sorted(given_up),
        ratio=ratio,
        must=must,
    )


def _costs(costs: Mapping[str, Cost], gigabytes: float) -> list[Row]:
    return [
        row(
            "memory",
            cost.peak_mb <= targets.PROCESS_MB,
            process=name,
            peak_mb=round(cost.peak_mb, 1),
            must_mb=targets.PROCESS_MB,
            cpu_s_per_gb=round(cost.cpu_s / gigabytes, 2),
        )
        for name, cost in sorted(costs.items())
    ]
