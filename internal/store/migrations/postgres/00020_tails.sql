-- +goose Up
-- The tail of an upload in pieces, so that a small request writes a small piece. uploads.tail is what an older
-- program wrote; it becomes a piece when the upload is taken.
CREATE TABLE upload_tails (
    account_id TEXT NOT NULL,
    import_id  TEXT NOT NULL,
    byte_from  BIGINT NOT NULL,
    data       BYTEA NOT NULL,
    PRIMARY KEY (account_id, import_id, byte_from)
);
ALTER TABLE upload_tails ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON upload_tails FOR SELECT TO bulkhead_reader USING (account_id = current_setting('bulkhead.account', true));
GRANT SELECT ON upload_tails TO bulkhead_reader;

-- When somebody last worked on an upload, in milliseconds by the database's clock, and how often a decoder began to
-- read it through.
ALTER TABLE uploads ADD COLUMN worked_at BIGINT NOT NULL DEFAULT 0, ADD COLUMN checks BIGINT NOT NULL DEFAULT 0;
