PRAGMA user_version = 5;

-- Of what a run has read, what was written to a provider's cache: it has a rate of its own.
ALTER TABLE runs ADD COLUMN cache_write_tokens INTEGER NOT NULL DEFAULT 0;
