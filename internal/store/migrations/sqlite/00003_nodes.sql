-- +goose Up
-- Processes of the cluster, which announce themselves every second.
CREATE TABLE nodes (
    id         TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    url        TEXT NOT NULL,
    slots      INTEGER NOT NULL,
    version    TEXT NOT NULL,
    draining   BOOLEAN NOT NULL,
    started_at TIMESTAMP NOT NULL,
    seen_at    TIMESTAMP NOT NULL
);
