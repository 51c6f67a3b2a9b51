"""How a box is: measured numbers, and the conditions that hold.

Numbers are telemetry and may be thinned; a condition that begins or ends is an event as well, and
those never are.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from bocage_contract import CONTRACT
from bocage_contract.exam_class import ExamClass
from bocage_contract.fleet.closed import BootId, Count, Percent, Seconds, Software, Upward
from bocage_contract.ledger import ChainId
from bocage_contract.names import Hex64, Label, LinkId


class Severity(StrEnum):
    """How much a condition matters."""

    INFO = "info"
    WARNING = "warning"  # works, but somebody should look
    CRITICAL = "critical"  # something does not work


class Code(StrEnum):
    """What can be the matter with a box; text in two languages stands in `conditions`."""

    CONFIGURATION_MISSING = "configuration_missing"
    CONFIGURATION_RETURNED = "configuration_returned"
    UNIT_SILENT = "unit_silent"
    UNIT_FAULT = "unit_fault"
    PARTNER_UNCONFIRMED = "partner_unconfirmed"
    PARTNER_CHANGED = "partner_changed"
    PARTNER_BEHIND = "partner_behind"
    TUNNEL_DOWN = "tunnel_down"
    STREAM_DOWN = "stream_down"
    FIREWALL_DOWN = "firewall_down"
    FORWARDING_ON = "forwarding_on"
    LOCKED = "locked"
    STATION_UNREACHABLE = "station_unreachable"
    SPOOL_FULL = "spool_full"
    SPOOL_FILLING = "spool_filling"
    SPOOL_UNREADABLE = "spool_unreadable"
    BACKLOG_OLD = "backlog_old"
    EXAMS_NOT_TAKEN = "exams_not_taken"
    NEEDS_PERSON = "needs_person"
    SLOT_MISSED = "slot_missed"
    URGENT_WAITING = "urgent_waiting"
    REPORT_OVERDUE = "report_overdue"
    CLOCK_UNTRUSTED = "clock_untrusted"
    LEDGER_BROKEN = "ledger_broken"
    UNDERVOLTAGE = "undervoltage"
    THROTTLED = "throttled"
    HOT = "hot"
    MEMORY_SHORT = "memory_short"
    DISK_WORN = "disk_worn"
    DISK_FAILING = "disk_failing"
    AUDIT_COLLECTOR_DOWN = "audit_collector_down"


class Condition(Upward):
    """Something that holds and should not."""

    code: Code
    severity: Severity
    since: Seconds
    link: LinkId | None = None
    destination: Label | None = None
    number: int | None = Field(None, ge=-(1 << 53), lt=1 << 53, description="How many, how much.")


class Machine(Upward):
    """The hardware, by psutil and sysfs; None: this machine does not tell."""

    uptime_s: Seconds
    cpu_percent: Percent
    load_1_hundredths: Count
    memory_total_bytes: Count
    memory_available_bytes: Count
    disk_total_bytes: Count
    disk_free_bytes: Count
    temperature_tenths: int | None = Field(None, ge=-1000, le=2000, description="0.1 degree C.")
    disk_life_used_percent: Percent | None = None
    undervoltage: bool | None = None
    throttled: bool | None = None
    network_received_bytes: Count
    network_sent_bytes: Count


class TunnelHealth(Upward):
    """One tunnel as this end sees it."""

    link: LinkId
    up: bool
    generation: int = Field(ge=1, lt=1 << 31)
    handshake_age_s: Seconds | None = None
    rtt_ms: Count | None = None
    mtu_bytes: Count | None = None
    goodput_bit_per_s: Count | None = Field(None, description="Measured on the last busy minutes.")
    received_bytes: Count = 0
    sent_bytes: Count = 0


class Direction(StrEnum):
    """Which way an object goes, seen from the box."""

    OUT = "out"
    IN = "in"


class ClassBacklog(Upward):
    """What waits on a link in one class, and when the last of it will be over."""

    link: LinkId
    exam_class: ExamClass
    direction: Direction
    objects: Count
    size_bytes: Count
    oldest_age_s: Seconds
    arrival_at: Seconds | None = Field(None, description="Estimate; None: nobody can say.")


class Station(Upward):
    """A destination, by C-ECHO or a connection."""

    destination: Label
    reachable: bool
    age_s: Seconds
    took_ms: Count


class LedgerHead(Upward):
    """How far a chain goes; the console sees a chain that went back."""

    chain: ChainId
    n: Count
    hash: Hex64


class Health(Upward):
    """Everything about a box at one moment. Since contract 1."""

    contract: int = CONTRACT
    boot: BootId
    at: Seconds
    software: Software
    revision: Count
    locked: bool
    clock_attested: bool
    machine: Machine
    tunnels: list[TunnelHealth] = Field(default_factory=list, max_length=64)
    backlog: list[ClassBacklog] = Field(default_factory=list, max_length=512)
    stations: list[Station] = Field(default_factory=list, max_length=256)
    heads: list[LedgerHead] = Field(default_factory=list, max_length=130)
    conditions: list[Condition] = Field(default_factory=list, max_length=256)
