-- +goose Up
-- The subscriptions that a connection is about: a JSON array of IDs; empty for
-- all that it sees.
ALTER TABLE connections ADD COLUMN subscriptions TEXT NOT NULL DEFAULT '[]';

-- What azward.yaml and the settings page decide, by name: connections, scans
-- and findings have tables of their own.
CREATE TABLE settings (
    name       TEXT PRIMARY KEY,
    doc        TEXT NOT NULL,                 -- JSON
    updated_at TEXT NOT NULL
) STRICT;

-- Secrets that azward.yaml refers to, sealed.
CREATE TABLE secrets (
    name       TEXT PRIMARY KEY,
    sealed     BLOB NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE secrets;
DROP TABLE settings;
ALTER TABLE connections DROP COLUMN subscriptions;
