PRAGMA user_version = 3;

-- When somebody asked for the run to be cancelled; null again once its log says so.
ALTER TABLE runs ADD COLUMN cancel_asked_at INTEGER;
CREATE INDEX runs_to_cancel ON runs (id) WHERE cancel_asked_at IS NOT NULL;
