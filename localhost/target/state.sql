-- What runs, or should, in the local target: one row a deployment, and which of them each workload is at.

CREATE TABLE IF NOT EXISTS deployments (
    tenant_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    key       TEXT NOT NULL,           -- who asked for it: the same for every attempt
    revision  INTEGER NOT NULL,        -- counted from 1 for each workload
    workload  TEXT NOT NULL,           -- JSON
    before    TEXT,                    -- the key of the deployment whose place it took; none: NULL
    PRIMARY KEY (tenant_id, namespace, name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS workloads (
    tenant_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    key       TEXT NOT NULL,           -- the deployment that it is at
    PRIMARY KEY (tenant_id, namespace, name)
) STRICT, WITHOUT ROWID;

-- Where each workload answers: kept, so that an address that was told is good after a restart.
CREATE TABLE IF NOT EXISTS addresses (
    tenant_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    port      INTEGER NOT NULL,        -- the workload's own
    listens   INTEGER NOT NULL,        -- on loopback
    PRIMARY KEY (tenant_id, namespace, name, port)
) STRICT, WITHOUT ROWID;
