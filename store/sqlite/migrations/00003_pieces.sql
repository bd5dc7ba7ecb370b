-- +goose Up
-- Verdicts and proofs in pieces: what those of a workload share is kept once.
-- A scan fills them again, so the old ones are dropped.
DROP TABLE proofs;
DROP TABLE verdict_names;
DROP TABLE verdicts;

-- Parts of documents, by content.
CREATE TABLE pieces (
    source  TEXT NOT NULL,
    hash    BLOB NOT NULL,                    -- first 16 bytes of SHA-256
    scan_id TEXT NOT NULL,                    -- last scan that has it
    doc_zst BLOB NOT NULL,                    -- not always JSON by itself
    PRIMARY KEY (source, hash)
) STRICT, WITHOUT ROWID;

-- The current verdicts: those of the last finished scan of each source.
CREATE TABLE verdicts (
    id            TEXT NOT NULL,
    scan_id       TEXT NOT NULL REFERENCES scans (id),
    source        TEXT NOT NULL,
    exploitable   TEXT NOT NULL CHECK (exploitable IN ('yes', 'no', 'unknown')),
    result        TEXT NOT NULL,              -- exploitable, conditional, unknown, dormant, not-exploitable
    place         TEXT NOT NULL,              -- in lists, the most urgent first: sorts as text
    severity      INTEGER NOT NULL,           -- 0 unknown, 1 none, 2 low … 5 critical
    vulnerability TEXT NOT NULL,
    workload      TEXT NOT NULL,              -- ID in lower case
    doc           BLOB NOT NULL,              -- the verdict, in pieces
    proof         BLOB,                       -- its proof, in pieces
    PRIMARY KEY (source, id)
) STRICT;
CREATE INDEX verdicts_in_order ON verdicts (place, id);
CREATE INDEX verdicts_by_id ON verdicts (id);
CREATE INDEX verdicts_by_workload ON verdicts (workload);

-- Every name that a verdict's vulnerability goes by, in lower case.
CREATE TABLE verdict_names (
    name   TEXT NOT NULL,
    source TEXT NOT NULL,
    id     TEXT NOT NULL,
    PRIMARY KEY (name, source, id),
    FOREIGN KEY (source, id) REFERENCES verdicts (source, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX verdict_names_by_verdict ON verdict_names (source, id);

-- +goose Down
DROP TABLE verdict_names;
DROP TABLE verdicts;
DROP TABLE pieces;
CREATE TABLE verdicts (
    id TEXT NOT NULL, scan_id TEXT NOT NULL REFERENCES scans (id), source TEXT NOT NULL, rank INTEGER NOT NULL,
    exploitable TEXT NOT NULL CHECK (exploitable IN ('yes', 'no', 'unknown')), severity INTEGER NOT NULL,
    vulnerability TEXT NOT NULL, workload TEXT NOT NULL, doc_zst BLOB NOT NULL, PRIMARY KEY (source, id)
) STRICT;
CREATE TABLE verdict_names (
    name TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (name, source, id),
    FOREIGN KEY (source, id) REFERENCES verdicts (source, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE proofs (
    source TEXT NOT NULL, id TEXT NOT NULL, doc_zst BLOB NOT NULL, PRIMARY KEY (source, id),
    FOREIGN KEY (source, id) REFERENCES verdicts (source, id) ON DELETE CASCADE
) STRICT;
