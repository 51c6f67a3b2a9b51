"""rsyslog as a site's audit repository: it keeps what comes over TLS, a line a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bocage_contract.audit import SYSLOG_TLS_PORT
from bocage_provisioning.lab.waiting import wait_until
from bocage_system.command import spawn
from tests.fakes.collector import Credentials, Message, parse

NAME = "audit.hospital.example"
# The certificate is its own authority; whoever comes need show none.
CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="gtls"
    defaultNetstreamDriverCAFile="{folder}/certificate.pem"
    defaultNetstreamDriverCertFile="{folder}/certificate.pem"
    defaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="raw" type="string" string="%rawmsg%\\n")
input(type="imtcp" address="{address}" port="{port}")
action(type="omfile" file="{folder}/messages" template="raw")
"""


@dataclass(frozen=True, slots=True)
class Repository:
    """Where one keeps its messages, and how a box comes to it."""

    folder: Path
    address: str
    namespace: str
    shows: Credentials

    def configuration(self, **changes: Any) -> dict[str, Any]:
        """Write what a box must know of it."""
        return {
            "host": self.address,
            "certificates": self.shows.certificate,
            "server_name": NAME,
            "source_id": "bocage",
            **changes,
        }

    def messages(self) -> list[Message]:
        """Give what it has kept, in the order it came."""
        kept = self.folder / "messages"
        lines = kept.read_bytes().split(b"\n") if kept.exists() else []
        # The last one may not be whole yet; the declaration of XML ends with a line feed, which
        # rsyslog writes as #012.
        return [parse(line.replace(b"#012", b"\n")) for line in lines[:-1]]

    @contextmanager
    def up(self) -> Iterator[None]:
        """Let it run for the length of the block; then it is killed, as by a power cut."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "certificate.pem").write_text(self.shows.certificate)
        (self.folder / "key.pem").write_text(self.shows.key)
        configuration = self.folder / "rsyslog.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=self.folder, address=self.address, port=SYSLOG_TLS_PORT)
        )
        pid_file = self.folder / "pid"
        pid_file.unlink(missing_ok=True)
        child = spawn(
            ["rsyslogd", "-n", "-i", pid_file, "-f", configuration], namespace=self.namespace
        )
        try:
            wait_until(
                lambda: f":{SYSLOG_TLS_PORT:04X} 00000000:0000 0A" in _tcp_table(child.pid),
                20,
                "the audit repository",
            )
            yield
        finally:
            child.kill_group()
            child.wait(10)


def _tcp_table(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/net/tcp").read_text()
    except FileNotFoundError:
        return ""
