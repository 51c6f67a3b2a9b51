"""Rows of numbers, for a person and for a program. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Row = Mapping[str, Any]


def row(bench: str, reached: bool | None, **columns: Any) -> Row:
    """Make a row.

    Args:
        reached: None where nothing must be reached.
    """
    return {"bench": bench, **columns, "reached": reached}


def ok(rows: Sequence[Row]) -> bool:
    """Say whether every number that must be reached was."""
    return bool(rows) and all(each["reached"] is not False for each in rows)


def as_json(rows: Sequence[Row], context: Mapping[str, Any]) -> str:
    """Write the one line for a program."""
    return json.dumps({"ok": ok(rows), "rows": list(rows), **context}, ensure_ascii=False)


def as_text(rows: Sequence[Row]) -> str:
    """Write tables for a person: one for each run of rows with the same columns."""
    blocks: list[list[Row]] = []
    for each in rows:
        if (
            not blocks
            or list(blocks[-1][0]) != list(each)
            or blocks[-1][0]["bench"] != each["bench"]
        ):
            blocks.append([])
        blocks[-1].append(each)
    return "\n\n".join(_block(block) for block in blocks)


def _block(rows: Sequence[Row]) -> str:
    columns = list(rows[0])
    lines = [columns, *([_shown(each[column]) for column in columns] for each in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([texts[0], "  ".join("-" * width for width in widths), *texts[1:]])


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return str(value)


def middle(values: Sequence[float]) -> float:
    """Give the median, rounded to what can be told apart."""
    return round(median(values), 3)
