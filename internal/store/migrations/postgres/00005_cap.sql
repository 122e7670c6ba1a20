-- +goose Up
-- How many batches of the account may be in flight at once. NULL: no bound, 0: paused.
ALTER TABLE accounts ADD COLUMN slot_cap INTEGER CHECK (slot_cap >= 0);
