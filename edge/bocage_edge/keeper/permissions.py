"""Which unit may ask the keeper for what. Pure: tables, and two questions to them.

The kernel says which user asks (SO_PEERCRED), so a unit that was taken over stays in its own row: a
relay can never say `delivered`, a receiver can sign no greeting and name no object as refused.
"""

from __future__ import annotations

from bocage_contract.ledger import EntryDraft
from bocage_contract.ledger_export import EXPORT_TYPE
from bocage_edge.units import ADMINISTRATOR

_READING = frozenset({"head", "entries", "partner_head", "partner_entries"})

OPERATIONS: dict[str, frozenset[str]] = {
    "receive": frozenset({"append", "link_key"}),
    "relay": frozenset({"append", "sign", "commit", "accept_partner", "set_aside_partner"})
    | _READING,
    # Of the box's own chains alone: what it tells the site's audit repository.
    "deliver": frozenset({"append", "link_key", "head", "entries"}),
    "link": frozenset({"append"}),
    # What it tells the console of; it writes nothing.
    "agent": frozenset({"head", "entries"}),
}
# Root could read the keys themselves, and a developer's one user is every unit at once.
_ADMINISTRATORS = frozenset(
    {"pin", "verify_own", "verify_partner", "chains", "held_entries", "fork_entries"}
)
OPERATIONS[ADMINISTRATOR] = _ADMINISTRATORS.union(*OPERATIONS.values())

# What may be signed on request, beside heads and commits: types of contract/signing.py.
PURPOSES: dict[str, frozenset[str]] = {"relay": frozenset({"bocage.relay-hello"})}
PURPOSES[ADMINISTRATOR] = PURPOSES["relay"] | {EXPORT_TYPE}
COMMIT_TYPE = "bocage.relay-commit"

_EVERY_UNIT = frozenset({"started", "corrupt", "configuration"})
KINDS: dict[str, frozenset[str]] = {
    "receive": _EVERY_UNIT
    | {"received", "same_again", "changed_content", "raised", "refused", "association_refused"}
    | {"exam", "exam_refused", "quiet", "volume", "request_missing", "report"}
    | {"request", "request_waits", "request_held", "request_cancelled"}
    | {"report_held", "report_refused", "commitment_asked", "committed"},
    "relay": _EVERY_UNIT
    | {"sent", "stored", "not_taken", "partner_misbehaved", "partner_behind", "epoch"}
    | {"slot_missed", "urgent_waiting", "report_overdue"},
    "deliver": _EVERY_UNIT
    | {"opened", "delivered", "refused", "transcoded", "coerced", "held", "released"}
    | {"cannot_open", "locked", "unlocked", "committed"},
    "link": _EVERY_UNIT | {"tunnel", "partner_changed", "clock"},
}
KINDS[ADMINISTRATOR] = frozenset(
    {"unlocked", "locked", "sent_again", "dropped", "held", "released", "delivered_again"}
    | {"matched", "cancelled"}
).union(*KINDS.values())
# Kinds that the keeper writes itself, of what it has seen itself.
PARTNER_CONFIRMED = "partner_confirmed"
PARTNER_CHANGED = "partner_changed"
PARTNER_FORK = "partner_fork"
NOT_ALLOWED = "not_allowed"

# The partner settles objects by `refused` entries that name one; receive refuses before there is
# an object.
_FORBIDDEN_FIELDS: dict[tuple[str, str], frozenset[str]] = {
    ("receive", "refused"): frozenset({"object", "objects"}),
}


def may_ask(unit: str, operation: str) -> bool:
    """Say whether a unit may ask for an operation."""
    return operation in OPERATIONS.get(unit, frozenset())


def may_write(unit: str, entry: EntryDraft) -> bool:
    """Say whether a unit may write an entry."""
    forbidden = _FORBIDDEN_FIELDS.get((unit, entry.kind), frozenset())
    return entry.kind in KINDS.get(unit, frozenset()) and not forbidden & entry.body.keys()
