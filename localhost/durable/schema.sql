-- Times are microseconds since the epoch (UTC). Protobuf messages are kept as they came.

CREATE TABLE IF NOT EXISTS instances (
    id                  TEXT PRIMARY KEY,
    execution_id        TEXT NOT NULL,      -- one per generation: new at every continue-as-new and rewind
    name                TEXT NOT NULL,
    version             TEXT,
    status              INTEGER NOT NULL,   -- OrchestrationStatus
    turn                INTEGER NOT NULL DEFAULT 0,  -- what a turn's commit must still find
    output              TEXT,
    custom_status       TEXT,
    failure             BLOB,               -- TaskFailureDetails
    tags                TEXT,               -- JSON object
    trace               BLOB,               -- OrchestrationTraceContext of the last turn
    parent_id           TEXT,
    parent_execution_id TEXT,
    parent_task_id      INTEGER,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    completed_at        INTEGER,
    scheduled_at        INTEGER
);
CREATE INDEX IF NOT EXISTS instances_by_creation ON instances (created_at, id);
CREATE INDEX IF NOT EXISTS instances_by_completion ON instances (completed_at, id) WHERE completed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS instances_by_parent ON instances (parent_id) WHERE parent_id IS NOT NULL;

-- Apart from the instance, whose row is rewritten every turn.
CREATE TABLE IF NOT EXISTS inputs (
    instance_id TEXT PRIMARY KEY,
    input       TEXT NOT NULL
);

-- One row per turn: what it appended.
CREATE TABLE IF NOT EXISTS history (
    instance_id TEXT NOT NULL,
    turn        INTEGER NOT NULL,
    chunk       BLOB NOT NULL,              -- HistoryChunk
    PRIMARY KEY (instance_id, turn)
);

-- The inbox of instances and entities. A timer, a scheduled start and a delayed signal are messages
-- that become visible later.
CREATE TABLE IF NOT EXISTS messages (
    id           INTEGER PRIMARY KEY,
    target       TEXT NOT NULL,
    execution_id TEXT,                      -- the generation it is for; NULL: whichever is current
    visible_at   INTEGER NOT NULL DEFAULT 0,
    chunk        BLOB NOT NULL              -- HistoryChunk
);
CREATE INDEX IF NOT EXISTS messages_by_target ON messages (target);
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (visible_at);

-- Activities whose result no turn has consumed yet.
CREATE TABLE IF NOT EXISTS activities (
    id           INTEGER PRIMARY KEY,
    instance_id  TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    request      BLOB NOT NULL              -- ActivityRequest
);
CREATE INDEX IF NOT EXISTS activities_by_instance ON activities (instance_id);

CREATE TABLE IF NOT EXISTS entities (
    id         TEXT PRIMARY KEY,
    state      TEXT,                        -- NULL: deleted, or never had one
    updated_at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS locks (
    entity_id        TEXT PRIMARY KEY,
    critical_section TEXT NOT NULL,
    instance_id      TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS locks_by_instance ON locks (instance_id);

CREATE TABLE IF NOT EXISTS lock_requests (
    id               INTEGER PRIMARY KEY,   -- from the same sequence as messages: the place in the queue
    critical_section TEXT NOT NULL,
    instance_id      TEXT NOT NULL,
    execution_id     TEXT NOT NULL,
    lock_set         TEXT NOT NULL          -- JSON array of entity ids
);
CREATE INDEX IF NOT EXISTS lock_requests_by_instance ON lock_requests (instance_id);
