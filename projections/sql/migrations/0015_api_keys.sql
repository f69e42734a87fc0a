-- migrate:up

-- Who may ask. Of a key only its SHA-256 is kept, and the public part that it is found by. Not from the log.
CREATE TABLE api_keys (
    prefix              text PRIMARY KEY,
    name                text        NOT NULL,
    digest              bytea       NOT NULL,
    scopes              text[]      NOT NULL,
    requests_per_second double precision,
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz,
    last_used_at        timestamptz,
    revoked_at          timestamptz
);
CREATE UNIQUE INDEX api_keys_by_name ON api_keys (name) WHERE revoked_at IS NULL;
