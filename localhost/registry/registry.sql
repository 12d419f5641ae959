-- What the local registry has. The bytes of blobs are files; all else is here, and a blob counts once it is here.
-- Times are Unix seconds.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS blobs (
    digest TEXT PRIMARY KEY,
    size   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which repositories have a blob. One that no manifest names is forgotten after a while: `touched` is when it
-- was last put there, or asked for.
CREATE TABLE IF NOT EXISTS links (
    repository TEXT NOT NULL,
    digest     TEXT NOT NULL REFERENCES blobs (digest),
    touched    REAL NOT NULL,
    PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS links_of_blobs ON links (digest);

CREATE TABLE IF NOT EXISTS manifests (
    repository TEXT NOT NULL,
    digest     TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content    BLOB NOT NULL,
    subject    TEXT,
    PRIMARY KEY (repository, digest)
) STRICT;

CREATE INDEX IF NOT EXISTS manifests_of_subjects ON manifests (repository, subject) WHERE subject IS NOT NULL;

-- What a manifest names: blobs, or other manifests.
CREATE TABLE IF NOT EXISTS parts (
    repository TEXT NOT NULL,
    manifest   TEXT NOT NULL,
    digest     TEXT NOT NULL,
    PRIMARY KEY (repository, manifest, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS parts_by_digest ON parts (repository, digest);

CREATE TABLE IF NOT EXISTS tags (
    repository TEXT NOT NULL,
    tag        TEXT NOT NULL,
    digest     TEXT NOT NULL,
    PRIMARY KEY (repository, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS tags_of_manifests ON tags (repository, digest);

CREATE TABLE IF NOT EXISTS uploads (
    id         TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    touched    REAL NOT NULL
) STRICT, WITHOUT ROWID;

COMMIT;
