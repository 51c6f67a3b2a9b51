"""What the processes of the boxes take of memory, as the kernel counts it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_LOOK_EVERY_S = 0.25
_RESET_PEAK = "5"


class Residents:
    """The most each process held, by name; pages it shares with others are counted in full.

    Source: proc(5) VmHWM, clear_refs.
    """

    def __init__(self, namespaces: Sequence[str]) -> None:
        """Forget earlier peaks of everything that runs in some network namespaces."""
        self._namespaces = {_namespace(Path(f"/run/netns/{name}")): name for name in namespaces}
        self.peak_kb: dict[str, int] = {}
        for pid, _name in self._pids():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)

    def look(self) -> None:
        """Note the peaks up to now."""
        for pid, name in self._pids():
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
                key = f"{name} {pid} {_what(pid)}"
                self.peak_kb[key] = max(peak, self.peak_kb.get(key, 0))

    def _pids(self) -> Iterator[tuple[int, str]]:
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                found = self._namespaces.get(_namespace(folder / "ns" / "net"))
                if found is not None:
                    yield int(folder.name), found


@contextlib.contextmanager
def residents(namespaces: Sequence[str]) -> Iterator[Residents]:
    """Watch as long as the block runs; the peaks are complete after it."""
    watched, over = Residents(namespaces), threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_EVERY_S):
            watched.look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield watched
    finally:
        over.set()
        watcher.join()
        watched.look()


def _namespace(path: Path) -> int:
    return path.stat().st_ino


def _what(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    shown = [word.decode(errors="replace") for word in words if word and not word.startswith(b"/")]
    return " ".join(shown[-2:]) or words[0].decode(errors="replace")
