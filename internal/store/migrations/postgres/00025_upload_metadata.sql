-- +goose Up
-- What a tus client said of its file when it created the upload, as it wrote it: it may ask for it back.
ALTER TABLE uploads ADD COLUMN metadata TEXT NOT NULL DEFAULT '';
