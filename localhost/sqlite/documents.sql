-- The documents of all containers. `seq` is the order of commits: every write of a document gives it a new one,
-- so it is the position in the change feeds, and etags are made of it. It counts for all tenants: none may see it.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS meta (
    name  TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

INSERT OR IGNORE INTO meta VALUES ('sequence', 0);

CREATE TABLE IF NOT EXISTS documents (
    key        INTEGER PRIMARY KEY,
    seq        INTEGER NOT NULL,
    container  TEXT NOT NULL,
    tenant_id  TEXT NOT NULL,
    partition  TEXT NOT NULL,
    id         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    ttl        INTEGER,          -- seconds from each write
    expires_at REAL,             -- seconds since 1970
    -- Copies of the body's fields of these names, which the platform's lists sort and filter by; NULL unless
    -- the field is a string or a number.
    name,
    status,
    created_at,
    updated_at,
    intent,
    intent_id,
    user,
    body       TEXT NOT NULL     -- last: what reads only the columns never touches its overflow pages
);

CREATE UNIQUE INDEX IF NOT EXISTS documents_by_id ON documents (container, tenant_id, partition, id);

-- The change feeds: of a partition, and of a container.
CREATE INDEX IF NOT EXISTS documents_by_partition ON documents (container, tenant_id, partition, seq);
CREATE INDEX IF NOT EXISTS documents_by_container ON documents (container, seq);

CREATE INDEX IF NOT EXISTS documents_by_expiry ON documents (expires_at) WHERE expires_at IS NOT NULL;

-- What lists are sorted and filtered by. They are partial, so that steps and events, which are the most, pay for
-- none of them. -9e999 is minus infinity: a missing field sorts before every value, and a walk can seek past it.
CREATE INDEX IF NOT EXISTS intents_by_name
    ON documents (tenant_id, coalesce(name, -9e999), partition, id)
    WHERE container = 'registry' AND kind = 'intent';
CREATE INDEX IF NOT EXISTS intents_by_time
    ON documents (tenant_id, coalesce(created_at, -9e999), partition, id)
    WHERE container = 'registry' AND kind = 'intent';
CREATE INDEX IF NOT EXISTS intents_by_update
    ON documents (tenant_id, coalesce(updated_at, -9e999), partition, id)
    WHERE container = 'registry' AND kind = 'intent';
CREATE INDEX IF NOT EXISTS executions_by_time
    ON documents (tenant_id, coalesce(created_at, -9e999), partition, id)
    WHERE container = 'executions' AND kind = 'execution';
CREATE INDEX IF NOT EXISTS executions_by_status
    ON documents (tenant_id, coalesce(status, -9e999), coalesce(created_at, -9e999), partition, id)
    WHERE container = 'executions' AND kind = 'execution';
CREATE INDEX IF NOT EXISTS executions_by_intent
    ON documents (tenant_id, coalesce(intent, -9e999), coalesce(created_at, -9e999), partition, id)
    WHERE container = 'executions' AND kind = 'execution';
CREATE INDEX IF NOT EXISTS executions_by_intent_id
    ON documents (tenant_id, coalesce(intent_id, -9e999), coalesce(created_at, -9e999), partition, id)
    WHERE container = 'executions' AND kind = 'execution';
CREATE INDEX IF NOT EXISTS executions_by_parent
    ON documents (
        tenant_id, coalesce(json_extract(body, '$."parent"."execution_id"'), -9e999),
        coalesce(created_at, -9e999), partition, id
    )
    WHERE container = 'executions' AND kind = 'execution';
CREATE INDEX IF NOT EXISTS approvals_by_status
    ON documents (
        tenant_id, coalesce(json_extract(body, '$."approval"."status"'), -9e999),
        coalesce(json_extract(body, '$."approval"."since"'), -9e999), partition, id
    )
    WHERE container = 'executions' AND kind = 'approval';
CREATE INDEX IF NOT EXISTS nudges_by_time
    ON documents (tenant_id, coalesce(created_at, -9e999), partition, id)
    WHERE container = 'executions' AND kind = 'nudge';
CREATE INDEX IF NOT EXISTS retries_by_time
    ON documents (tenant_id, coalesce(created_at, -9e999), partition, id)
    WHERE container = 'executions' AND kind = 'retry';
CREATE INDEX IF NOT EXISTS audit_by_time
    ON documents (container, tenant_id, coalesce(created_at, -9e999), partition, id)
    WHERE kind = 'audit';
CREATE INDEX IF NOT EXISTS audit_by_principal
    ON documents (
        container, tenant_id, coalesce(json_extract(body, '$."principal"'), -9e999),
        coalesce(created_at, -9e999), partition, id
    )
    WHERE kind = 'audit';
CREATE INDEX IF NOT EXISTS audit_by_action
    ON documents (
        container, tenant_id, coalesce(json_extract(body, '$."action"'), -9e999),
        coalesce(created_at, -9e999), partition, id
    )
    WHERE kind = 'audit';
CREATE INDEX IF NOT EXISTS members_by_user
    ON documents (tenant_id, coalesce(user, -9e999), partition, id)
    WHERE container = 'tenancy' AND kind = 'member';
CREATE INDEX IF NOT EXISTS agenda_by_due
    ON documents (tenant_id, partition, coalesce(json_extract(body, '$."due"'), -9e999), id)
    WHERE container = 'tenancy' AND kind = 'due';
CREATE INDEX IF NOT EXISTS tickets_by_number
    ON documents (
        tenant_id, partition, coalesce(status, -9e999), coalesce(json_extract(body, '$."line"'), -9e999),
        coalesce(json_extract(body, '$."number"'), -9e999), id
    )
    WHERE container = 'tenancy' AND kind = 'ticket';
CREATE INDEX IF NOT EXISTS lines_by_number
    ON documents (
        tenant_id, partition, coalesce(status, -9e999), coalesce(json_extract(body, '$."number"'), -9e999), id
    )
    WHERE container = 'tenancy' AND kind = 'line';

COMMIT;
