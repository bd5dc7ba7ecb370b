-- +goose Up
-- What a person decided to leave. It stays when the verdict goes and comes back.
CREATE TABLE dismissals (
    id           TEXT PRIMARY KEY,            -- of the verdict
    dismissed_by TEXT NOT NULL,
    reason       TEXT NOT NULL,
    at           TEXT NOT NULL,
    until        TEXT NOT NULL,
    footing      TEXT NOT NULL                -- what the verdict rested on
) STRICT;

-- What the last scan of each source found otherwise than the one before.
CREATE TABLE changes (
    source  TEXT NOT NULL,
    scan_id TEXT NOT NULL REFERENCES scans (id),
    place   INTEGER NOT NULL,
    doc_zst BLOB NOT NULL,
    PRIMARY KEY (source, place)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE changes;
DROP TABLE dismissals;
