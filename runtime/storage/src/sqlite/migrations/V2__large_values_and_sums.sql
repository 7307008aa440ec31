PRAGMA user_version = 2;

-- A sum over a record as it was written, so that a bit that has flipped is found. Records of older stores have none.
ALTER TABLE events ADD COLUMN sum INTEGER;

-- Which records name a large value: who deletes runs asks.
CREATE INDEX events_by_blob ON events (blob) WHERE blob IS NOT NULL;
