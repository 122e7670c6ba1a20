-- +goose Up
-- When a person last changed what a dispatcher has to know: a weight or cap, a pause, a
-- resume, an end. A dispatcher asks for what changed lately, not for all that it has queued.
ALTER TABLE accounts ADD COLUMN steered_at TIMESTAMPTZ;
ALTER TABLE imports ADD COLUMN steered_at TIMESTAMPTZ;
CREATE INDEX accounts_steered ON accounts (steered_at) WHERE steered_at IS NOT NULL;
CREATE INDEX imports_steered ON imports (steered_at) WHERE steered_at IS NOT NULL;
