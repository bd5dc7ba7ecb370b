-- +goose Up
-- What the rules said after a scan. The list of what fails and is unknown is
-- kept of the last two scans of a source.
CREATE TABLE postures (
    scan_id  TEXT PRIMARY KEY REFERENCES scans (id) ON DELETE CASCADE,
    source   TEXT NOT NULL,
    at       TEXT NOT NULL,                  -- when the scan started
    tally    TEXT NOT NULL,
    open_zst BLOB                            -- NULL once a newer one took its place
) STRICT;

CREATE INDEX postures_source ON postures (source, at);

-- +goose Down
DROP TABLE postures;
