-- +goose Up
-- Nothing wrote these two before.
DROP TABLE images;
DROP TABLE findings;

-- Each distinct package once, whatever images and layers have it.
CREATE TABLE packages (
    id       INTEGER PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,            -- SHA-256 of doc, 16 bytes
    doc      TEXT NOT NULL                    -- JSON: purl, name, version, ecosystem, source, owner
) STRICT;

CREATE TABLE images (
    digest       TEXT PRIMARY KEY,
    version      TEXT NOT NULL,               -- of the extractors that read it
    partial      INTEGER NOT NULL,            -- 1: a part of it could not be read
    doc_zst      BLOB NOT NULL,               -- JSON without packages
    layers       TEXT NOT NULL,               -- JSON: digests, lowest first
    created_by   TEXT NOT NULL,               -- JSON: history line of each layer
    packages     BLOB NOT NULL,               -- varints: package id, place of its layer + 1; and so on
    places_zst   BLOB NOT NULL                -- JSON: for each package its paths
) STRICT;

CREATE TABLE registries (
    host      TEXT PRIMARY KEY,
    listed_at TEXT NOT NULL
) STRICT;

-- Where tags pointed, and for how long.
CREATE TABLE tags (
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,                 -- of an image, an index or another artifact
    since      TEXT NOT NULL,
    until      TEXT,                          -- NULL while it does
    pushed     TEXT,                          -- as the registry says; NULL where it does not
    PRIMARY KEY (registry, repository, name, since)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tags_now ON tags (registry, repository, name) WHERE until IS NULL;

CREATE TABLE manifests (
    registry   TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest     TEXT NOT NULL,
    image      TEXT NOT NULL,                 -- of the platform's image in it; '' for what is none
    platform   TEXT NOT NULL,
    artifact   TEXT NOT NULL,                 -- type of what is no image
    error      TEXT NOT NULL,                 -- why it could not be read
    attached   TEXT,                          -- JSON: artifact types of what refers to it; NULL where nobody asked
    size       INTEGER NOT NULL,              -- bytes of its layers as stored
    pushed     TEXT,
    first_seen TEXT NOT NULL,
    last_seen  TEXT NOT NULL,
    PRIMARY KEY (registry, repository, digest)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE manifests;
DROP TABLE tags;
DROP TABLE registries;
DROP TABLE images;
DROP TABLE packages;
CREATE TABLE images (digest TEXT PRIMARY KEY, doc_zst BLOB NOT NULL) STRICT;
CREATE TABLE findings (digest TEXT NOT NULL, advisories TEXT NOT NULL, doc_zst BLOB NOT NULL, PRIMARY KEY (digest, advisories)) STRICT;
