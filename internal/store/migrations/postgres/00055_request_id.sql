-- +goose Up
-- The request that created the import, after which the logs name what is done for it.
ALTER TABLE imports ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
