"""What every long-running process shares: how it is told to stop, and how it says that it lives.

Source: sd_notify(3), systemd.service(5) WatchdogSec.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType


def stop_event(wake: Callable[[], None] = lambda: None) -> threading.Event:
    """Give an event that SIGTERM and SIGINT set; call it once, in the main thread.

    Args:
        wake: called after it was set, to end whatever the loop waits for.
    """
    stop = threading.Event()

    def _stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        wake()

    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    return stop


def end_on_thread_error() -> None:
    """Let a surprise in any thread end the process, as one in the main thread does.

    The supervisor starts it again and the durable state says where it was; going on with a dead
    thread would be silence.
    """

    def _end(error: threading.ExceptHookArgs) -> None:
        sys.excepthook(error.exc_type, error.exc_value or error.exc_type(), error.exc_traceback)
        sys.stderr.flush()
        os._exit(70)

    threading.excepthook = _end


def leave_no_core() -> None:
    """Let a crash write no memory image: it would hold keys and patients' data."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def notify_ready() -> None:
    """Tell the supervisor that the process does its work now."""
    _notify(b"READY=1")


def notify_watchdog() -> None:
    """Tell the supervisor that the loop still turns."""
    _notify(b"WATCHDOG=1")


def _notify(message: bytes) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier:
        notifier.connect(address)
        notifier.sendall(message)
