-- migrate:up

-- How each channel's sink gets on, as it says itself. Not from the log: it is said again within seconds.
CREATE TABLE channel_health (
    channel       text PRIMARY KEY,
    waiting       integer     NOT NULL,
    failing_since timestamptz,
    reason        text,
    said_at       timestamptz NOT NULL
);

-- What a person was told of. Deleted, it is told again where it still stands.
CREATE TABLE alerts (
    id        text PRIMARY KEY,
    kind      text        NOT NULL,
    since     timestamptz NOT NULL,
    detail    jsonb       NOT NULL,
    raised_at timestamptz NOT NULL,
    sent_at   timestamptz
);
CREATE INDEX alerts_to_send ON alerts (raised_at, id) WHERE sent_at IS NULL;
