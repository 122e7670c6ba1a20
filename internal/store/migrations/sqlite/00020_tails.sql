-- +goose Up
-- The tail of an upload in pieces, so that a small request writes a small piece. uploads.tail is what an older
-- program wrote; it becomes a piece when the upload is taken.
CREATE TABLE upload_tails (
    account_id TEXT NOT NULL,
    import_id  TEXT NOT NULL,
    byte_from  BIGINT NOT NULL,
    data       BLOB NOT NULL,
    PRIMARY KEY (account_id, import_id, byte_from)
);

-- When somebody last worked on an upload, in milliseconds by the database's clock, and how often a decoder began to
-- read it through.
ALTER TABLE uploads ADD COLUMN worked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN checks BIGINT NOT NULL DEFAULT 0;
