-- +goose Up
-- What each verdict was, and from which scan to which. One that a scan does not
-- have any more has no row that is open.
CREATE TABLE verdict_history (
    id       TEXT NOT NULL,                   -- of the verdict
    source   TEXT NOT NULL,
    since    TEXT NOT NULL,                   -- start of the first scan that says so
    until    TEXT,                            -- start of the first scan that says otherwise; NULL while it holds
    scan_id  TEXT NOT NULL,                   -- the first scan that says so; it may be swept since
    result   TEXT NOT NULL,
    severity INTEGER NOT NULL,
    reason   TEXT NOT NULL,                   -- the verdict's sentence in that scan
    PRIMARY KEY (id, source, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX verdict_history_open ON verdict_history (source, id, result, severity) WHERE until IS NULL;

INSERT INTO verdict_history (id, source, since, until, scan_id, result, severity, reason)
    SELECT v.id, v.source, s.started_at, NULL, v.scan_id, v.result, v.severity, '' FROM verdicts v JOIN scans s ON s.id = v.scan_id;

-- +goose Down
DROP TABLE verdict_history;
