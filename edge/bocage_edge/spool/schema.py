"""The tables of the spool's index, as forward steps that are only ever appended to.

The partial indexes are the work lists: what is due is read from them in order, so that a step
costs the same with ten objects and with a million retired rows.
"""

from __future__ import annotations

_VERSION_1 = """
CREATE TABLE spool (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    index_id TEXT NOT NULL,       -- random, made with the index: names the source of ledger entries
    sweeps INTEGER NOT NULL DEFAULT 0
);
INSERT INTO spool (id, index_id) VALUES (1, lower(hex(randomblob(16))));

CREATE TABLE object (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of acceptance
    name TEXT NOT NULL UNIQUE,             -- SHA-256 of the sealed bytes
    direction TEXT NOT NULL CHECK (direction IN ('out', 'in')),
    link TEXT NOT NULL,
    klass INTEGER NOT NULL,                -- rank, 0 the most urgent
    kind TEXT NOT NULL,
    exam_id TEXT NOT NULL,
    instance_key TEXT NOT NULL,
    digest TEXT NOT NULL,
    content_digest TEXT,
    dataset_bytes INTEGER,
    service TEXT,
    size_bytes INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    held TEXT,
    received_at REAL NOT NULL,
    accepted_at REAL NOT NULL,
    arrive_by REAL NOT NULL,               -- 1e18: no slot waits for it
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    keep_until REAL                        -- set when the file goes
);
CREATE INDEX object_due ON object (link, klass, arrive_by, id)
    WHERE state = 'queued' AND held IS NULL;
CREATE INDEX object_known ON object (link, instance_key) WHERE direction = 'out';
CREATE INDEX object_exam ON object (link, exam_id);
CREATE INDEX object_live ON object (direction, link, klass, state)
    WHERE state NOT IN ('retired', 'dropped');
CREATE INDEX object_keep ON object (keep_until) WHERE keep_until IS NOT NULL;
-- Two associations that bring one instance at once make one object.
CREATE UNIQUE INDEX object_once ON object (link, instance_key, digest)
    WHERE direction = 'out' AND state IN ('queued', 'stored', 'retired');

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    object INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    klass INTEGER NOT NULL,                -- of the object, so that one index gives the order
    state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'refused')),
    is_open INTEGER NOT NULL DEFAULT 0,    -- an attempt has begun and has not been settled
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (object, destination)
);
CREATE INDEX delivery_due ON delivery (destination, klass, id) WHERE state = 'due';
CREATE INDEX delivery_live ON delivery (destination, state) WHERE state != 'delivered';

CREATE TABLE pause (
    destination TEXT PRIMARY KEY,
    due_at REAL NOT NULL,
    reason TEXT NOT NULL,
    since_at REAL NOT NULL
);

-- What the keeper must still write into the ledger. Ids are never used twice.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    unit TEXT NOT NULL,
    chain TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX outbox_unit ON outbox (unit, id);
"""

_VERSION_2 = """
-- attempts in a row that ended with the process that made them
ALTER TABLE delivery ADD COLUMN cuts INTEGER NOT NULL DEFAULT 0;
"""

_VERSION_3 = """
-- What is known of an exam as a whole: decided by receive where it starts, learned from the
-- partner's ledger where it arrives.
CREATE TABLE exam (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    direction TEXT NOT NULL CHECK (direction IN ('out', 'in')),
    link TEXT NOT NULL,
    exam_id TEXT NOT NULL,
    klass INTEGER NOT NULL,                -- rank of the most urgent class it was taken in
    service TEXT NOT NULL,                 -- called AE title
    convention TEXT NOT NULL DEFAULT '',   -- '': the link has none
    version INTEGER NOT NULL DEFAULT 0,
    modality TEXT NOT NULL DEFAULT '',     -- of the instance that decided
    state TEXT NOT NULL CHECK (state IN ('waiting', 'accepted', 'refused', 'cancelled')),
    reason TEXT NOT NULL DEFAULT '',
    first_at REAL NOT NULL,
    accepted_at REAL,
    slot_from REAL,
    slot_until REAL,
    arrive_by REAL,
    report_due REAL,
    quiet_at REAL,
    quiet_instances INTEGER NOT NULL DEFAULT 0,
    request_at REAL,
    report_state TEXT NOT NULL DEFAULT '', -- the best so far: preliminary, final, ...
    report_at REAL,                        -- when the first one that counts was there
    alarmed TEXT NOT NULL DEFAULT '',      -- alarms already raised, words joined by spaces
    told TEXT NOT NULL DEFAULT '',         -- what receive has told already, likewise
    cancelled_at REAL,
    UNIQUE (direction, link, exam_id)
);
-- Other contents of one instance that came over a link.
CREATE INDEX object_contents ON object (link, instance_key) WHERE direction = 'in';
CREATE INDEX exam_first ON exam (first_at);
CREATE INDEX exam_due ON exam (arrive_by) WHERE state = 'accepted' AND arrive_by IS NOT NULL;
CREATE INDEX exam_report ON exam (report_due)
    WHERE state = 'accepted' AND report_at IS NULL AND report_due IS NOT NULL;

-- Which objects are reports of which exam, as the reading box's ledger says.
CREATE TABLE report_of (
    object TEXT PRIMARY KEY,               -- name of the sealed object
    link TEXT NOT NULL,
    exam_id TEXT NOT NULL,
    report_state TEXT NOT NULL,
    at REAL NOT NULL,                      -- when it was said to be one
    delivered_at REAL                      -- at the last of its destinations
) WITHOUT ROWID;
CREATE INDEX report_of_exam ON report_of (link, exam_id);

-- Objects that are held because nobody could say for certain which exam they are of.
CREATE TABLE unmatched (
    object TEXT PRIMARY KEY REFERENCES object (name) ON DELETE CASCADE,
    link TEXT NOT NULL,
    reason TEXT NOT NULL,                  -- a word of the ledger
    report_state TEXT NOT NULL DEFAULT '', -- '': no report, it comes with one
    format TEXT NOT NULL DEFAULT '',
    names TEXT NOT NULL,                   -- its keyed hashes, kind:hash, joined by spaces
    study TEXT NOT NULL,                   -- exam_id of its own Study Instance UID; '': none
    sealed BLOB,                           -- who it is of, sealed to the box's own opening key
    at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX object_held ON object (held) WHERE held IS NOT NULL;

-- Keyed hashes of the identities an exam is known by, for matching a report to it.
CREATE TABLE exam_name (
    link TEXT NOT NULL,
    exam_id TEXT NOT NULL,
    kind TEXT NOT NULL,                    -- accession, order, patient, ins, birth
    hash TEXT NOT NULL,                    -- 32 hex digits
    PRIMARY KEY (link, kind, hash, exam_id)
) WITHOUT ROWID;
CREATE INDEX exam_name_exam ON exam_name (link, exam_id);

-- Requests whose exam has not come yet, and the keyed hashes by which they will know it.
CREATE TABLE waiting_request (
    object TEXT PRIMARY KEY REFERENCES object (name) ON DELETE CASCADE,
    link TEXT NOT NULL,
    is_order INTEGER NOT NULL,             -- 0: it only tells of an order's course
    at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE waiting_name (
    link TEXT NOT NULL,
    kind TEXT NOT NULL,                    -- as in exam_name, and study: the exam's id
    hash TEXT NOT NULL,
    object TEXT NOT NULL REFERENCES object (name) ON DELETE CASCADE,
    PRIMARY KEY (link, kind, hash, object)
) WITHOUT ROWID;
CREATE INDEX waiting_name_object ON waiting_name (object);

-- Who an exam is of and what its site calls it, sealed to the box's own opening key.
CREATE TABLE particulars (
    link TEXT NOT NULL,
    exam_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (link, exam_id)
);

-- What the site's audit repository is to be told, and how far the ledger was read for it. No
-- patient in it but in audit_subject, sealed to the box's own opening key.
CREATE TABLE audit_position (chain TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE audit_under_way (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE audit_waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- numbers the messages; never used twice
    at REAL NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE audit_subject (
    link TEXT NOT NULL,
    exam_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (link, exam_id)
);

-- Keyed hash of an object's SOP class; empty: taken by an older release, or no instance.
ALTER TABLE object ADD COLUMN class_key TEXT NOT NULL DEFAULT '';

-- Storage commitment that the site's AEs have asked for. What they named is sealed to the box's
-- own opening key, since the result must name it again; here it goes by keyed hashes.
CREATE TABLE commitment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    link TEXT NOT NULL,
    caller TEXT NOT NULL,                  -- calling AE title
    service TEXT NOT NULL,                 -- called AE title
    transaction_key TEXT NOT NULL,
    request_digest TEXT NOT NULL,          -- over the keyed hashes: to know the same request again
    instances INTEGER NOT NULL,
    failed INTEGER NOT NULL DEFAULT 0,
    sealed BLOB NOT NULL,                  -- empty once the asker has its result
    state TEXT NOT NULL CHECK (state IN ('waiting', 'decided', 'told', 'given_up')),
    asked_at REAL NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    decided_at REAL,
    ended_at REAL,
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (link, caller, transaction_key)
);
CREATE INDEX commitment_due ON commitment (state, due_at) WHERE state IN ('waiting', 'decided');
CREATE INDEX commitment_ended ON commitment (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE commitment_item (
    commitment INTEGER NOT NULL REFERENCES commitment (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,                -- in the request, from 0
    instance_key TEXT NOT NULL,
    class_key TEXT NOT NULL,
    failure INTEGER,                       -- Failure Reason, 0: committed, NULL: not decided
    PRIMARY KEY (commitment, place)
) WITHOUT ROWID;

-- Storage commitment by the partner's stations, as its ledger says: ok NULL: it was asked for.
CREATE TABLE far_commitment (
    object TEXT NOT NULL,                  -- name of the sealed object
    destination TEXT NOT NULL,
    ok INTEGER,
    PRIMARY KEY (object, destination)
) WITHOUT ROWID;

-- Storage commitment that we ask of the site's own stations, for what they have been given. What
-- is to be named is sealed to the box's own opening key, and goes once it is answered.
CREATE TABLE station_commitment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    object TEXT NOT NULL,                  -- name of the sealed object
    link TEXT NOT NULL,
    exam_id TEXT NOT NULL,
    instance_key TEXT NOT NULL,
    destination TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('due', 'asked', 'committed', 'failed', 'unanswered')),
    sealed BLOB NOT NULL,
    since_at REAL NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    failure INTEGER NOT NULL DEFAULT 0,    -- Failure Reason of the station's
    UNIQUE (object, destination)
);
CREATE INDEX station_commitment_due ON station_commitment (destination, due_at)
    WHERE state IN ('due', 'asked');
CREATE INDEX station_commitment_instance
    ON station_commitment (destination, link, instance_key);
CREATE TABLE station_transaction (
    digest TEXT PRIMARY KEY,               -- of a Transaction UID of ours
    destination TEXT NOT NULL,
    asked_at REAL NOT NULL
) WITHOUT ROWID;
"""

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3)
NO_SLOT_WAITS = 1e18
