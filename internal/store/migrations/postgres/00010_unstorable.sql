-- +goose Up
-- Rows that only the transaction could reject as unstorable.
ALTER TABLE batches ADD COLUMN unstorable_rows BYTEA;
