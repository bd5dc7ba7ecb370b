-- +goose Up
-- Filters that users saved under a name.
CREATE TABLE views (
    user_id TEXT NOT NULL,
    name    TEXT NOT NULL,
    query   TEXT NOT NULL,                    -- as the page's address has it
    PRIMARY KEY (user_id, name)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE views;
