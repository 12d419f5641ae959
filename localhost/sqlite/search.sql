-- What intents are searched and counted by. Triggers keep it, in the transaction of each document: it is never
-- behind, and no writer has to think of it. Other kinds pay nothing.

BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS intents (
    key       INTEGER PRIMARY KEY,  -- of documents
    tenant_id TEXT NOT NULL,
    terms     TEXT NOT NULL,        -- JSON: [[field, value], ...]; the elements of an array stand under field[]
    text      TEXT NOT NULL         -- its case folded
);

CREATE TABLE IF NOT EXISTS terms (
    id        INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    field     TEXT NOT NULL,
    value     TEXT NOT NULL,
    held      INTEGER NOT NULL DEFAULT 0,  -- by so many documents
    UNIQUE (tenant_id, field, value)
);

CREATE TABLE IF NOT EXISTS postings (
    key  INTEGER NOT NULL,
    term INTEGER NOT NULL,
    PRIMARY KEY (key, term)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS postings_by_term ON postings (term, key);

-- The inverted index: of each intent its terms (t and the number) and, in hexadecimal, every three characters in a row
-- of its text; the first one or two of them are looked for as prefixes. Whether a token occurs is kept and not where.
CREATE VIRTUAL TABLE IF NOT EXISTS tokens USING fts5(
    held, content = '', columnsize = 0, detail = none, prefix = '4 8', tokenize = 'ascii'
);

-- What the writer has to put into it or to take out, in order, before it commits: at each savepoint a full-text index
-- writes all that it has so far, and every piece of work in a commit has a savepoint.
CREATE TABLE IF NOT EXISTS untold (
    n     INTEGER PRIMARY KEY,
    key   INTEGER NOT NULL,
    gone  INTEGER NOT NULL,
    terms TEXT NOT NULL,
    text  TEXT NOT NULL
);

CREATE TRIGGER IF NOT EXISTS intents_indexed AFTER INSERT ON intents BEGIN
    INSERT OR IGNORE INTO terms (tenant_id, field, value)
        SELECT new.tenant_id, value ->> 0, value ->> 1 FROM json_each(new.terms);
    INSERT INTO postings
        SELECT new.key, terms.id FROM json_each(new.terms) AS given
        CROSS JOIN terms ON tenant_id = new.tenant_id AND field = given.value ->> 0 AND terms.value = given.value ->> 1;
    UPDATE terms SET held = held + 1 WHERE id IN (SELECT term FROM postings WHERE key = new.key);
    INSERT INTO untold (key, gone, terms, text)
        SELECT new.key, 0, group_concat('t' || term, ' '), new.text FROM postings WHERE key = new.key;
END;

CREATE TRIGGER IF NOT EXISTS intents_unindexed AFTER DELETE ON intents BEGIN
    INSERT INTO untold (key, gone, terms, text)
        SELECT old.key, 1, group_concat('t' || term, ' '), old.text FROM postings WHERE key = old.key;
    UPDATE terms SET held = held - 1 WHERE id IN (SELECT term FROM postings WHERE key = old.key);
    DELETE FROM postings WHERE key = old.key;
END;

CREATE TRIGGER IF NOT EXISTS intents_added AFTER INSERT ON documents
WHEN new.container = 'registry' AND new.kind = 'intent' BEGIN
    INSERT INTO intents VALUES (new.key, new.tenant_id, search_terms(new.body), search_text(new.body));
END;

CREATE TRIGGER IF NOT EXISTS intents_changed AFTER UPDATE ON documents
WHEN new.container = 'registry' AND (new.kind = 'intent' OR old.kind = 'intent') BEGIN
    DELETE FROM intents WHERE key = new.key
        AND (new.kind <> 'intent' OR terms <> search_terms(new.body) OR text <> search_text(new.body));
    INSERT INTO intents SELECT new.key, new.tenant_id, search_terms(new.body), search_text(new.body)
        WHERE new.kind = 'intent' AND NOT EXISTS (SELECT 1 FROM intents WHERE key = new.key);
END;

CREATE TRIGGER IF NOT EXISTS intents_removed AFTER DELETE ON documents
WHEN old.container = 'registry' AND old.kind = 'intent' BEGIN
    DELETE FROM intents WHERE key = old.key;
END;

-- A file from before there was this index.
INSERT INTO intents SELECT key, tenant_id, search_terms(body), search_text(body) FROM documents
    WHERE container = 'registry' AND kind = 'intent' AND NOT EXISTS (SELECT 1 FROM intents);

COMMIT;
