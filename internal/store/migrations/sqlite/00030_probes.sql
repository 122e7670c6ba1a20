-- +goose Up
-- What processes write to find out whether the store takes writes, a row each.
CREATE TABLE probes (
    id      TEXT PRIMARY KEY,
    filling BLOB NOT NULL,
    at      TIMESTAMP NOT NULL
);
