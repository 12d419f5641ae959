-- Tenants' secrets: every version of each, as a nonce of 12 bytes and the value under AES-256-GCM, bound to
-- tenant, name and version. The sequence orders versions and is never given twice.

PRAGMA secure_delete = ON; -- what was deleted is overwritten, although it is sealed

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS versions (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id  TEXT NOT NULL,
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    created_at REAL NOT NULL,
    sealed     BLOB NOT NULL
);

CREATE UNIQUE INDEX IF NOT EXISTS versions_by_name ON versions (tenant_id, name, version);

COMMIT;
