-- An event log as Event Hubs has it: partitions, in each a sequence number that grows by one, and offsets.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS partitions (
    partition INTEGER PRIMARY KEY,
    sequence  INTEGER NOT NULL      -- of its last event; it goes on when old events are trimmed
);

CREATE TABLE IF NOT EXISTS events (
    partition   INTEGER NOT NULL REFERENCES partitions (partition),
    sequence    INTEGER NOT NULL,
    enqueued_at REAL NOT NULL,      -- seconds since 1970
    key         TEXT NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (partition, sequence)
);

CREATE INDEX IF NOT EXISTS events_by_time ON events (enqueued_at);

COMMIT;
