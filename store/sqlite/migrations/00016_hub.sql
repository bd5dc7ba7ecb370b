-- +goose Up
-- Who looks after a schedule: '' for people, azward.yaml, or azward itself.
ALTER TABLE schedules ADD COLUMN managed_by TEXT NOT NULL DEFAULT '';
UPDATE schedules SET managed_by = by WHERE by = 'azward.yaml';

-- A shared view is everybody's to look at; its name is another than those of
-- other shared ones.
ALTER TABLE views ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX views_shared ON views (name) WHERE shared <> 0;

-- Headers of an answer beside its content type: a JSON object of texts.
ALTER TABLE replies ADD COLUMN header TEXT NOT NULL DEFAULT '{}';

-- Consents of administrators that were asked for and have not come back.
CREATE TABLE consents (
    state      BLOB PRIMARY KEY,              -- SHA-256 of what the address holds
    user_id    TEXT NOT NULL,
    browser    BLOB NOT NULL,                 -- SHA-256 of the cookie of the browser that asked
    expires_at TEXT NOT NULL,
    sealed     BLOB NOT NULL                  -- what is to be done then, with the secret of the connection to be
) STRICT;

-- +goose Down
DROP TABLE consents;
ALTER TABLE replies DROP COLUMN header;
DROP INDEX views_shared;
ALTER TABLE views DROP COLUMN shared;
ALTER TABLE schedules DROP COLUMN managed_by;
