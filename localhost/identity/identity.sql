-- What the local issuer must not forget. Secrets are kept as SHA-256 digests only.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS clients (          -- services that sign in for themselves
    client_id TEXT PRIMARY KEY,
    secret    BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS refresh_tokens (
    token      BLOB PRIMARY KEY,
    family     TEXT NOT NULL,                 -- all that descend from one sign-in
    client_id  TEXT NOT NULL,
    user       TEXT NOT NULL,
    scope      TEXT NOT NULL,
    expires_at REAL NOT NULL,                 -- seconds since 1970
    used       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS refresh_tokens_by_family ON refresh_tokens (family);

COMMIT;
