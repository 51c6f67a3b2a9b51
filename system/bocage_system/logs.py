"""Structured logs: one JSON object a line on standard error, where the journal takes them."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import FilteringBoundLogger


def configure(unit: str, *, debug: bool = False) -> None:
    """Set up logging for one process.

    Foreign libraries may put names or data set text into their messages, so their loggers are
    silenced; what we want said, we say ourselves.

    Args:
        unit: name of the process, in every line.
    """
    logging.basicConfig(level=logging.CRITICAL, stream=sys.stderr)
    logging.getLogger().setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if debug else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(unit=unit)


def get(name: str) -> FilteringBoundLogger:
    """Give the logger of one module; events are short constant texts, values are fields."""
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
