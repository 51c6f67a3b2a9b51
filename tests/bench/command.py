"""`./run bench NAME`: progress on standard error, tables or one JSON object on standard output."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bocage_provisioning.lab.errors import LabError
from bocage_system.command import CommandError
from tests.bench import ingest, pacing, resume, stream, urgent, wan
from tests.bench.ground import NAME, tell
from tests.bench.lines import LINES
from tests.bench.options import Options
from tests.bench.table import Row, as_json, as_text, ok, row

Bench = Callable[[Options], list[Row]]
BENCHES: dict[str, Bench] = {
    "wan": wan.run,
    "stream": stream.run,
    "resume": resume.run,
    "urgent": urgent.run,
    "ingest": ingest.run,
    "pacing": pacing.run,
}
MEDIAN_OF = 3
BUSY_LOAD = 0.5  # over a minute, before anything is started


def main(arguments: Sequence[str]) -> int:
    """Run benches; exit status 0 only if every number that must be reached was."""
    asked = _parser().parse_args(arguments)
    options = Options(
        runs=asked.runs,
        lines=tuple(asked.lines),
        sets=tuple(asked.sets),
        peers=tuple(asked.peers),
        limit=asked.limit,
        name=asked.name,
    )
    rows: list[Row] = []
    load_before = os.getloadavg()[0]
    if load_before > BUSY_LOAD:
        tell(f"this machine is busy (load {load_before:.1f}): the numbers will say so")
    try:
        for name in BENCHES if asked.bench == "all" else [asked.bench]:
            tell(f"== {name}")
            rows += BENCHES[name](options)
    except (LabError, CommandError, AssertionError) as error:
        # Something was lost, changed or did not come up: the numbers so far count for nothing.
        traceback.print_exc()
        rows.append(row(name, False, fault=str(error)))
    print(as_json(rows, _context(options, load_before)) if asked.json else as_text(rows))
    return 0 if ok(rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("bench", choices=[*BENCHES, "all"])
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--runs", type=int, default=MEDIAN_OF, help="of each; the median counts")
    parser.add_argument("--lines", nargs="+", choices=LINES, default=list(LINES))
    parser.add_argument("--sets", nargs="+", default=[], help="wan: CT, CR, small")
    parser.add_argument("--peers", nargs="+", default=[], help='such as "dcmtk 4"')
    parser.add_argument(
        "--limit", type=float, default=0, help="stop a peer at so many times our own time"
    )
    parser.add_argument("--name", default=NAME, help="of the laboratory")
    return parser


def _context(options: Options, load_before: float) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {_cores()} cores, Linux {platform.release()}",
        "runs": options.runs,
        "load_before": round(load_before, 2),
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
