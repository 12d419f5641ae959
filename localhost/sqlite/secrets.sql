-- A tenant's secrets: a nonce of 12 bytes and the value under AES-256-GCM, bound to tenant and name.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS secrets (
    tenant_id TEXT NOT NULL,
    name      TEXT NOT NULL,
    sealed    BLOB NOT NULL,
    PRIMARY KEY (tenant_id, name)
) WITHOUT ROWID;

COMMIT;
