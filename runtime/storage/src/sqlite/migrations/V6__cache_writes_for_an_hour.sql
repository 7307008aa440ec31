PRAGMA user_version = 6;

-- Of what was written to a provider's cache, what is kept there for an hour: it has a rate of its own, too.
ALTER TABLE runs ADD COLUMN cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0;
