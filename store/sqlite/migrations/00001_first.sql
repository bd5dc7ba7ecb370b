-- Times are RFC 3339 in UTC with nine decimals, so that they sort as text.
-- Columns that end in _zst hold zstd-compressed JSON: zstd -d shows it.

-- +goose Up
CREATE TABLE connections (
    name            TEXT PRIMARY KEY,
    kind            TEXT NOT NULL,            -- azure
    tenant_id       TEXT NOT NULL,
    client_id       TEXT NOT NULL,            -- '' for managed identity and Azure CLI
    cloud           TEXT NOT NULL,            -- public, usgovernment, china, or '' with cloud_config
    cloud_config    TEXT NOT NULL,            -- path of a cloud configuration file, or ''
    auth            TEXT NOT NULL,            -- clientSecret, certificate, federatedToken, managedIdentity, azureCLI
    credential_file TEXT NOT NULL,            -- path of the federated assertion, or ''
    sealed          BLOB,                     -- the secret, encrypted; NULL where there is none
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL
) STRICT;

CREATE TABLE scans (
    id          TEXT PRIMARY KEY,
    source      TEXT NOT NULL,                -- connection name, or what names the files
    state       TEXT NOT NULL CHECK (state IN ('running', 'complete', 'partial', 'failed', 'interrupted')),
    started_at  TEXT NOT NULL,
    finished_at TEXT,                         -- NULL while running
    gaps        INTEGER NOT NULL DEFAULT 0,
    counts      TEXT,                         -- JSON
    estate      TEXT NOT NULL DEFAULT ''      -- file, relative to the data directory
) STRICT;
CREATE INDEX scans_by_start ON scans (started_at);

-- What was found in one layer, whichever images share it.
CREATE TABLE layers (
    key     TEXT PRIMARY KEY,                 -- layer digest and version of the extractors
    doc_zst BLOB NOT NULL
) STRICT;

CREATE TABLE images (
    digest  TEXT PRIMARY KEY,
    doc_zst BLOB NOT NULL
) STRICT;

-- Findings hang on the image digest and on the advisories they come from.
CREATE TABLE findings (
    digest     TEXT NOT NULL,
    advisories TEXT NOT NULL,                 -- version of the advisory index
    doc_zst    BLOB NOT NULL,
    PRIMARY KEY (digest, advisories)
) STRICT;

-- The current verdicts: those of the last finished scan of each source.
CREATE TABLE verdicts (
    id            TEXT NOT NULL,
    scan_id       TEXT NOT NULL REFERENCES scans (id),
    source        TEXT NOT NULL,
    rank          INTEGER NOT NULL,           -- exploitable first, then severity; with id the order of lists
    exploitable   TEXT NOT NULL CHECK (exploitable IN ('yes', 'no', 'unknown')),
    severity      INTEGER NOT NULL,           -- 0 unknown, 1 none, 2 low … 5 critical
    vulnerability TEXT NOT NULL,
    workload      TEXT NOT NULL,              -- ID in lower case
    doc_zst       BLOB NOT NULL,
    PRIMARY KEY (source, id)
) STRICT;
CREATE INDEX verdicts_in_order ON verdicts (rank, id);
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

CREATE TABLE proofs (
    source  TEXT NOT NULL,
    id      TEXT NOT NULL,
    doc_zst BLOB NOT NULL,
    PRIMARY KEY (source, id),
    FOREIGN KEY (source, id) REFERENCES verdicts (source, id) ON DELETE CASCADE
) STRICT;

-- +goose Down
DROP TABLE proofs;
DROP TABLE verdict_names;
DROP TABLE verdicts;
DROP TABLE findings;
DROP TABLE images;
DROP TABLE layers;
DROP TABLE scans;
DROP TABLE connections;
