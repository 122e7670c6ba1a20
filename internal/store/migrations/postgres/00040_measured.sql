-- +goose Up
-- How long a batch waited and why is measured. NULL: it did not happen, or nobody measured it.
ALTER TABLE batches ADD COLUMN leased_at TIMESTAMPTZ;
ALTER TABLE batches ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN queue_ms BIGINT;
ALTER TABLE batches ADD COLUMN paused_ms BIGINT;
ALTER TABLE batches ADD COLUMN backoff_ms BIGINT;
ALTER TABLE batches ADD COLUMN failed_ms BIGINT;
-- Since when an import is paused, and how long it was before; when its dry run was checked,
-- and how long it then waited for approval.
ALTER TABLE imports ADD COLUMN paused_at TIMESTAMPTZ;
ALTER TABLE imports ADD COLUMN paused_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN checked_at TIMESTAMPTZ;
ALTER TABLE imports ADD COLUMN approval_ms BIGINT;

-- Batches that a dry run checked, and then dropped, were never committed.
UPDATE batches SET committed_at = NULL WHERE state <> 'committed';
