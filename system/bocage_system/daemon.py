"""What every long-running process shares: how it is told to stop, and how it says that it lives.

Source: sd_notify(3), systemd.service(5) WatchdogSec.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from types import FrameType


def stop_event() -> threading.Event:
    """Give an event that SIGTERM and SIGINT set; call it once, in the main thread."""
    stop = threading.Event()

    def _stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    return stop


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
