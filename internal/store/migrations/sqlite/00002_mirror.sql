-- +goose Up
-- A committed batch row is the outbox of its announcement (announced_at IS NULL), and
-- the truth about whether analytics have its rows (mirrored_at IS NULL: not yet).
ALTER TABLE batches ADD COLUMN announced_at TIMESTAMP;
ALTER TABLE batches ADD COLUMN mirrored_at TIMESTAMP;

CREATE INDEX batches_unannounced ON batches (committed_at, import_id, no) WHERE state = 'committed' AND announced_at IS NULL;
CREATE INDEX batches_unmirrored ON batches (committed_at, import_id, no) WHERE state = 'committed' AND mirrored_at IS NULL;
CREATE INDEX imports_unmirrored ON imports (id) WHERE finished_at IS NOT NULL AND NOT mirrored;
