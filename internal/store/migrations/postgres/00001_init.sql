-- +goose Up
CREATE TABLE accounts (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    weight       INTEGER NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 16),
    record_quota BIGINT NOT NULL CHECK (record_quota >= 0),
    records_used BIGINT NOT NULL DEFAULT 0 CHECK (records_used >= 0),
    created_at   TIMESTAMPTZ NOT NULL
);

CREATE TABLE users (
    account_id TEXT NOT NULL REFERENCES accounts,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    operator   BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE TABLE api_keys (
    account_id   TEXT NOT NULL REFERENCES accounts,
    id           TEXT NOT NULL,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    operator     BOOLEAN NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    revoked_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    PRIMARY KEY (account_id, id)
);

-- A session of a browser. key_id ties it to the API key that opened it, so that revoking the key ends it.
CREATE TABLE sessions (
    account_id TEXT NOT NULL REFERENCES accounts,
    hash       TEXT NOT NULL UNIQUE,
    user_id    TEXT NOT NULL,
    key_id     TEXT NOT NULL DEFAULT '',
    name       TEXT NOT NULL,
    operator   BOOLEAN NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, hash)
);

CREATE TABLE login_links (
    account_id TEXT NOT NULL REFERENCES accounts,
    hash       TEXT NOT NULL UNIQUE,
    user_id    TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, hash)
);

-- Datasets belong to the platform, not to an account.
CREATE TABLE datasets (
    name       TEXT PRIMARY KEY,
    version    BIGINT NOT NULL,
    op_seq     BIGINT NOT NULL DEFAULT 0, -- of the newest import
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- Every spec that a dataset ever had: an import keeps the one it was created with.
CREATE TABLE dataset_specs (
    name    TEXT NOT NULL REFERENCES datasets,
    version BIGINT NOT NULL,
    spec    TEXT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE dataset_usage (
    account_id TEXT NOT NULL REFERENCES accounts,
    dataset    TEXT NOT NULL REFERENCES datasets,
    records    BIGINT NOT NULL,
    PRIMARY KEY (account_id, dataset)
);

CREATE TABLE imports (
    account_id          TEXT NOT NULL REFERENCES accounts,
    id                  TEXT NOT NULL UNIQUE,
    dataset             TEXT NOT NULL REFERENCES datasets,
    spec_version        BIGINT NOT NULL,
    op_seq              BIGINT NOT NULL,
    state               TEXT NOT NULL,
    outcome             TEXT NOT NULL DEFAULT '', -- of an import in state cancelling: the terminal state it goes to
    mode                TEXT NOT NULL,
    priority            TEXT NOT NULL,
    filename            TEXT NOT NULL,
    options             TEXT NOT NULL,
    layout              TEXT,
    error               TEXT,
    approved            BOOLEAN NOT NULL DEFAULT FALSE,
    sealed              BOOLEAN NOT NULL DEFAULT FALSE,
    mirrored            BOOLEAN NOT NULL DEFAULT FALSE,
    sha256              TEXT,
    bytes_total         BIGINT NOT NULL,
    bytes_received      BIGINT NOT NULL DEFAULT 0,
    blank_lines         BIGINT NOT NULL DEFAULT 0,
    rows_read           BIGINT NOT NULL DEFAULT 0,
    rows_created        BIGINT NOT NULL DEFAULT 0,
    rows_updated        BIGINT NOT NULL DEFAULT 0,
    rows_superseded     BIGINT NOT NULL DEFAULT 0,
    rows_rejected       BIGINT NOT NULL DEFAULT 0,
    rows_over_quota     BIGINT NOT NULL DEFAULT 0,
    rows_unprocessed    BIGINT NOT NULL DEFAULT 0,
    batches_staged      BIGINT NOT NULL DEFAULT 0,
    batches_committed   BIGINT NOT NULL DEFAULT 0,
    batches_quarantined BIGINT NOT NULL DEFAULT 0,
    batches_total       BIGINT NOT NULL DEFAULT 0,
    version             BIGINT NOT NULL DEFAULT 1,
    created_at          TIMESTAMPTZ NOT NULL,
    started_at          TIMESTAMPTZ,
    finished_at         TIMESTAMPTZ,
    PRIMARY KEY (account_id, id),
    UNIQUE (dataset, op_seq)
);

CREATE INDEX imports_unfinished ON imports (state) WHERE finished_at IS NULL;
CREATE INDEX imports_finished ON imports (finished_at) WHERE finished_at IS NOT NULL;

-- The durable position of an upload, apart from its import because the tail is large and changes often.
CREATE TABLE uploads (
    account_id        TEXT NOT NULL,
    import_id         TEXT NOT NULL UNIQUE,
    epoch             BIGINT NOT NULL DEFAULT 0,
    byte_offset       BIGINT NOT NULL DEFAULT 0,
    length            BIGINT NOT NULL,
    tail              BYTEA,
    digest            BYTEA,
    spooled           BOOLEAN NOT NULL DEFAULT FALSE,
    boundary_offset   BIGINT NOT NULL DEFAULT 0,
    boundary_line     BIGINT NOT NULL DEFAULT 1,
    boundary_row      BIGINT NOT NULL DEFAULT 0,
    boundary_blank    BIGINT NOT NULL DEFAULT 0,
    boundary_batch_no BIGINT NOT NULL DEFAULT 0,
    expires_at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, import_id),
    FOREIGN KEY (account_id, import_id) REFERENCES imports
);

CREATE TABLE upload_parts (
    account_id TEXT NOT NULL,
    import_id  TEXT NOT NULL,
    byte_from  BIGINT NOT NULL,
    object     TEXT NOT NULL,
    bytes      BIGINT NOT NULL,
    sha256     TEXT NOT NULL,
    PRIMARY KEY (account_id, import_id, byte_from)
);
CREATE INDEX upload_parts_object ON upload_parts (object);

-- A batch row is also the outbox of its reference: published_at IS NULL means not published yet.
CREATE TABLE batches (
    account_id       TEXT NOT NULL,
    import_id        TEXT NOT NULL,
    no               BIGINT NOT NULL,
    state            TEXT NOT NULL,
    priority         TEXT NOT NULL,
    object           TEXT NOT NULL,
    object_bytes     BIGINT NOT NULL,
    sha256           TEXT NOT NULL,
    first_row        BIGINT NOT NULL,
    byte_from        BIGINT NOT NULL,
    byte_to          BIGINT NOT NULL,
    rows_read        BIGINT NOT NULL,
    rows_created     BIGINT NOT NULL DEFAULT 0,
    rows_updated     BIGINT NOT NULL DEFAULT 0,
    rows_superseded  BIGINT NOT NULL DEFAULT 0,
    rows_rejected    BIGINT NOT NULL DEFAULT 0,
    rows_over_quota  BIGINT NOT NULL DEFAULT 0,
    rows_unprocessed BIGINT NOT NULL DEFAULT 0,
    duplicate_rows   BYTEA, -- rows that only the transaction could reject as duplicate_key
    over_quota_rows  BYTEA, -- and as over_quota
    failures         INTEGER NOT NULL DEFAULT 0,
    error            TEXT NOT NULL DEFAULT '',
    node             TEXT NOT NULL DEFAULT '',
    staged_at        TIMESTAMPTZ NOT NULL,
    published_at     TIMESTAMPTZ,
    committed_at     TIMESTAMPTZ,
    read_ms          BIGINT NOT NULL DEFAULT 0,
    validate_ms      BIGINT NOT NULL DEFAULT 0,
    commit_ms        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, import_id, no),
    FOREIGN KEY (account_id, import_id) REFERENCES imports
);

CREATE INDEX batches_object ON batches (object);
CREATE INDEX batches_waiting ON batches (import_id, no) WHERE state = 'staged';
CREATE INDEX batches_unpublished ON batches (staged_at) WHERE state = 'staged' AND published_at IS NULL;

CREATE TABLE error_clusters (
    account_id    TEXT NOT NULL,
    import_id     TEXT NOT NULL,
    source_column TEXT NOT NULL,
    code          TEXT NOT NULL,
    rejects       BIGINT NOT NULL,
    examples      TEXT NOT NULL,
    PRIMARY KEY (account_id, import_id, source_column, code)
);

CREATE TABLE import_events (
    account_id TEXT NOT NULL,
    import_id  TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    at         TIMESTAMPTZ NOT NULL,
    kind       TEXT NOT NULL,
    text       TEXT NOT NULL,
    PRIMARY KEY (account_id, import_id, seq)
);

CREATE TABLE idempotency (
    account_id   TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    answer       TEXT NOT NULL, -- the import as first answered
    created_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, key)
);
