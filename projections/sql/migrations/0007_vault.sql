-- migrate:up

-- Whom orders are for. Not from the log, which has nothing of it: what is deleted here is gone.

-- Which master key the rest was sealed with: a digest of it, one row.
CREATE TABLE vault (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    mark   bytea   NOT NULL
);

-- Everybody who was ever kept, by an opaque reference. One that was erased stays as a tombstone, so that nobody is taken in
-- under it again.
CREATE TABLE subjects (
    ref        text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    erased_at  timestamptz
);

-- The key of each subject, wrapped by the master key. Without its row, all that the subject's key sealed is noise.
CREATE TABLE subject_keys (
    ref     text PRIMARY KEY REFERENCES subjects,
    nonce   bytea NOT NULL,
    wrapped bytea NOT NULL
);

-- Whom each deal is for: its recipient, sealed with its subject's key. A deal whose subject was erased has none any more.
CREATE TABLE deal_subjects (
    transaction text PRIMARY KEY,
    channel     text NOT NULL,
    ref         text REFERENCES subjects,
    nonce       bytea,
    ciphertext  bytea,
    digest      bytea,
    said_at     timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nulls(ref, nonce, ciphertext, digest) IN (0, 4))
);
CREATE INDEX deal_subjects_by_ref ON deal_subjects (ref, said_at DESC);
