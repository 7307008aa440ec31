PRAGMA user_version = 4;

-- When a suspended run goes on by itself; it stays until the run is over or suspends anew, so that one that was cut off
-- meanwhile is due still.
ALTER TABLE runs ADD COLUMN due_at INTEGER;
UPDATE runs SET due_at = (
    SELECT CASE WHEN json_valid(event) THEN json_extract(event, '$.until') END
    FROM events WHERE events.id = runs.no * 4294967296 + runs.next_seq - 1
) WHERE status = 'suspended' AND next_seq > 0;
CREATE INDEX runs_by_due ON runs (due_at) WHERE due_at IS NOT NULL;
