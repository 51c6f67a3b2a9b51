"""Where everything of a box lies: every path is derived from two folders.

`state` survives a power cut; `run` is memory (tmpfs) and does not. Each file has one writer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bocage_system.clock import Clock, SystemClock
from bocage_system.lab_clock import LabClock


@dataclass(frozen=True, slots=True)
class Box:
    """The folders of one box.

    Args:
        state: usually /var/lib/bocage.
        run: usually /run/bocage; must be on tmpfs, for the unlocked opening key lies there.
        lab_clock: in a laboratory, the file that says what time it is there. It comes from the
            command line alone, which on a real box is the supervisor's; no configuration names it.
    """

    state: Path
    run: Path
    lab_clock: Path | None = None

    def clock(self) -> Clock:
        """What time it is for people and partners."""
        return SystemClock() if self.lab_clock is None else LabClock(self.lab_clock)

    @property
    def desired(self) -> Path:
        """The signed configuration in force, exact bytes."""
        return self.state / "config" / "desired.json"

    @property
    def keyset(self) -> Path:
        """Which keys may sign what: the keyset in force, exact bytes as the roots signed them."""
        return self.state / "config" / "keyset.json"

    @property
    def card(self) -> Path:
        """The box's own card."""
        return self.state / "card.json"

    @property
    def pins(self) -> Path:
        """The partners this site has confirmed, signed by the box's identity (writer: keeper)."""
        return self.state / "confirmed" / "pins.json"

    @property
    def keeper_dir(self) -> Path:
        """What only the keeper reads."""
        return self.state / "keeper"

    @property
    def identity_key(self) -> Path:
        """Ed25519 private key, 32 raw bytes."""
        return self.keeper_dir / "identity.key"

    @property
    def agreement_key(self) -> Path:
        """X25519 private key, 32 raw bytes."""
        return self.keeper_dir / "agreement.key"

    @property
    def ledger_db(self) -> Path:
        """The box's chains and its copies of its partners' chains."""
        return self.keeper_dir / "ledger.db"

    @property
    def owners(self) -> Path:
        """Who each unit is for the kernel, as `units.format_owners` writes it."""
        return self.state / "config" / "owners"

    @property
    def link_dir(self) -> Path:
        """What only the link unit reads."""
        return self.state / "link"

    def tunnel_key(self, generation: int) -> Path:
        """WireGuard private key of one generation, base64 as wg(8) writes it."""
        return self.link_dir / f"tunnel.g{generation}.key"

    @property
    def whereabouts(self) -> Path:
        """Where partners that call us were heard from last."""
        return self.link_dir / "whereabouts.json"

    @property
    def agent_dir(self) -> Path:
        """What only the agent reads: its session key, its outbox, what the console sent."""
        return self.state / "agent"

    @property
    def session_key(self) -> Path:
        """Private key of the agent's TLS sessions, PEM."""
        return self.agent_dir / "session.key"

    @property
    def session_certificate(self) -> Path:
        """The console's certificate for it, PEM."""
        return self.agent_dir / "session.pem"

    @property
    def authority(self) -> Path:
        """Certificate of the console's authority, PEM: what the enrolment code pinned."""
        return self.agent_dir / "authority.pem"

    @property
    def reach(self) -> Path:
        """Where the console was at enrolment; a configuration that names it counts more."""
        return self.agent_dir / "reach.json"

    @property
    def outbox_db(self) -> Path:
        """Events the console has not acknowledged yet, and the agent's counters."""
        return self.agent_dir / "outbox.db"

    @property
    def inbox(self) -> Path:
        """Signed documents from the console, for the link unit to judge (writer: agent)."""
        return self.state / "inbox"

    @property
    def clock_floor(self) -> Path:
        """The latest attested time, Unix seconds as text."""
        return self.link_dir / "clock.floor"

    @property
    def opening_wrapped(self) -> Path:
        """The opening key, wrapped: one slot for each secret that unlocks it."""
        return self.state / "opening.wrapped.json"

    @property
    def audit_certificate(self) -> Path:
        """What the box shows to an audit repository that asks: key and certificate, PEM."""
        return self.state / "audit.pem"

    @property
    def spool(self) -> Path:
        """The durable store of sealed objects and its index."""
        return self.state / "spool"

    @property
    def keeper_socket(self) -> Path:
        """Where the keeper answers the other units."""
        return self.run / "keeper.sock"

    @property
    def opening_dir(self) -> Path:
        """The folder of the unlocked opening key; only deliver may read it."""
        return self.run / "opening"

    @property
    def opening_key(self) -> Path:
        """The unlocked opening key, in memory only: one age secret key a line."""
        return self.opening_dir / "opening.key"

    @property
    def gate_secret(self) -> Path:
        """What the gate gave to unlock the box: from agent to deliver, in memory, for a moment."""
        return self.run / "gate" / "secret"

    @property
    def lock_wish(self) -> Path:
        """The console wants the box locked: from agent to deliver, in memory, for a moment."""
        return self.run / "gate" / "lock"

    def status(self, unit: str) -> Path:
        """What a unit last said of itself, JSON."""
        return self.run / "status" / f"{unit}.json"

    def doorbell(self, unit: str) -> Path:
        """The bell that tells a unit to look again."""
        return self.run / "bell" / unit
