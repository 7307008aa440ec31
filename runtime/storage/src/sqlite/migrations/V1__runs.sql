-- 'flow'
PRAGMA application_id = 1718382455;
PRAGMA user_version = 1;

CREATE TABLE plans (
    hash TEXT PRIMARY KEY NOT NULL,
    plan TEXT NOT NULL
);

-- A run: who may append to it, where its log ends, and its line in the list.
CREATE TABLE runs (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    fence INTEGER NOT NULL,
    host TEXT,
    boot_id TEXT,
    pid INTEGER,
    process_started INTEGER,
    lease_until INTEGER NOT NULL,
    next_seq INTEGER NOT NULL DEFAULT 0,
    flow TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'running',
    started_at INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL DEFAULT 0,
    steps INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    nanodollars INTEGER NOT NULL DEFAULT 0,
    cost_complete INTEGER NOT NULL DEFAULT 1,
    simulated INTEGER NOT NULL DEFAULT 0,
    failure TEXT,
    plan TEXT NOT NULL DEFAULT ''
);
CREATE INDEX runs_by_start ON runs (started_at);

-- Large values, once each; `hash` is the SHA-256 of `bytes`.
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
);

-- The log: `id` is runs.no * 2^32 + seq, so that one tree holds a run's records side by side and needs no index.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    blob INTEGER REFERENCES blobs (id)
);
