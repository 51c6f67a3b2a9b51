"""The tables of the ledger's database, as forward steps that are only ever appended to."""

from __future__ import annotations

_VERSION_1 = """
-- The box's own chains, with the newest head it has signed.
CREATE TABLE chain (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    n INTEGER NOT NULL,
    hash TEXT NOT NULL,
    signature TEXT NOT NULL
);
CREATE TABLE entry (
    chain INTEGER NOT NULL REFERENCES chain (id),
    n INTEGER NOT NULL,
    raw BLOB NOT NULL,
    UNIQUE (chain, n)
);
-- Which entries of a unit's outbox are written: by place in the outbox and content, so that an
-- outbox that was restored from an old copy and goes on with other entries loses none of them.
CREATE TABLE written (
    source TEXT NOT NULL,
    source_id TEXT NOT NULL,
    draft BLOB NOT NULL,
    PRIMARY KEY (source, source_id, draft)
) WITHOUT ROWID;

-- What we hold of partners' chains: one for each identity a link ever had.
CREATE TABLE partner_chain (
    id INTEGER PRIMARY KEY,
    link TEXT NOT NULL,
    identity BLOB NOT NULL,
    name TEXT NOT NULL,
    n INTEGER NOT NULL,
    hash TEXT NOT NULL,
    signature TEXT NOT NULL,
    UNIQUE (link, identity, name)
);
CREATE TABLE partner_entry (
    chain INTEGER NOT NULL REFERENCES partner_chain (id),
    n INTEGER NOT NULL,
    raw BLOB NOT NULL,
    UNIQUE (chain, n)
);
-- Two signed histories that cannot both be true: kept as evidence, never believed.
CREATE TABLE fork (
    id INTEGER PRIMARY KEY,
    chain INTEGER NOT NULL REFERENCES partner_chain (id),
    n INTEGER NOT NULL,
    head TEXT NOT NULL,
    raws BLOB NOT NULL,           -- the entries that came with it, a line each
    UNIQUE (chain, n, head)
);
"""

MIGRATIONS = (_VERSION_1,)
