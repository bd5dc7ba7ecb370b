-- +goose Up
-- Who may use the hub. Passwords stand here as argon2id hashes; tokens, links
-- and session keys as SHA-256 of 256 random bits.
CREATE TABLE users (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    disabled     INTEGER NOT NULL DEFAULT 0,
    issuer       TEXT NOT NULL DEFAULT '',    -- OpenID Connect; '' for local users
    subject      TEXT NOT NULL DEFAULT '',
    password     TEXT NOT NULL DEFAULT '',    -- PHC string; '' where none is set
    epoch        INTEGER NOT NULL DEFAULT 0,  -- sessions of another one have ended
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    last_sign_in TEXT NOT NULL                -- the zero time before the first
) STRICT;
CREATE UNIQUE INDEX users_local ON users (name COLLATE NOCASE) WHERE issuer = '';
CREATE UNIQUE INDEX users_issued ON users (issuer, subject) WHERE issuer <> '';

CREATE TABLE passkeys (
    id         BLOB PRIMARY KEY,              -- credential ID
    user_id    TEXT NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL,
    record     TEXT NOT NULL,                 -- JSON with the public key
    created_at TEXT NOT NULL,
    last_used  TEXT NOT NULL
) STRICT;
CREATE INDEX passkeys_by_user ON passkeys (user_id);

CREATE TABLE access_links (
    hash       BLOB PRIMARY KEY,
    user_id    TEXT REFERENCES users (id),    -- NULL: sets up the first administrator
    expires_at TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
    key        BLOB PRIMARY KEY,
    doc        BLOB NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    last_used  TEXT NOT NULL,
    revoked_at TEXT NOT NULL                  -- the zero time while it is good
) STRICT;
CREATE INDEX tokens_by_user ON tokens (user_id);

-- Rows are only added.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    user_id TEXT NOT NULL,                    -- '' for the program itself
    who     TEXT NOT NULL,
    via     TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    before  TEXT,                             -- JSON
    after   TEXT
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, seq);
CREATE INDEX audit_by_user ON audit (user_id, seq);

-- What was answered to requests with an idempotency key.
CREATE TABLE replies (
    user_id      TEXT NOT NULL,
    key          TEXT NOT NULL,
    route        TEXT NOT NULL,
    request      BLOB NOT NULL,
    status       INTEGER NOT NULL,            -- 0 while it is being answered
    content_type TEXT NOT NULL,
    body         BLOB NOT NULL,
    expires_at   TEXT NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX replies_by_expiry ON replies (expires_at);

-- +goose Down
DROP TABLE replies;
DROP TABLE audit;
DROP TABLE tokens;
DROP TABLE sessions;
DROP TABLE access_links;
DROP TABLE passkeys;
DROP TABLE users;
