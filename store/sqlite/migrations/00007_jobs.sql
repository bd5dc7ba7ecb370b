-- +goose Up
CREATE TABLE jobs (
    id          TEXT PRIMARY KEY,            -- begins with the time of creation
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    by          TEXT NOT NULL,
    state       TEXT NOT NULL,
    stage       TEXT NOT NULL,
    done        INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    rate        REAL NOT NULL,
    note        TEXT NOT NULL,
    result      TEXT NOT NULL,
    error       TEXT NOT NULL,
    remedy      TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    cancelling  INTEGER NOT NULL,
    created_at  TEXT NOT NULL,
    started_at  TEXT NOT NULL,               -- '' until it starts
    finished_at TEXT NOT NULL                -- '' until it is final
) STRICT;

-- One job of a kind and subject is under way at a time.
CREATE UNIQUE INDEX jobs_under_way ON jobs (kind, subject) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_state ON jobs (state, id);

CREATE TABLE job_lines (
    job    TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at     TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
    name       TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    cron       TEXT NOT NULL,
    jitter     INTEGER NOT NULL,             -- nanoseconds
    paused     INTEGER NOT NULL,
    by         TEXT NOT NULL,
    created_at TEXT NOT NULL,
    next_at    TEXT NOT NULL,
    last_at    TEXT NOT NULL,                -- '' until it ran
    last_job   TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE schedules;
DROP TABLE job_lines;
DROP TABLE jobs;
