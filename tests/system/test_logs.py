"""Logs: one JSON object a line, nothing of foreign libraries."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from bocage_system import logs


def test_a_line_is_one_json_object_whatever_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A hostile AE title with a line end or an escape sequence stays inside its field."""
    logs.configure("receive")
    try:
        logs.get("test").info("association refused", calling_aet="A\nB\x1b[31m")
        logging.getLogger("pynetdicom").error("Patient's Name DUPONT")
        lines = capsys.readouterr().err.splitlines()
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert (line["unit"], line["calling_aet"]) == ("receive", "A\nB\x1b[31m")
    assert "\x1b" not in lines[0]
