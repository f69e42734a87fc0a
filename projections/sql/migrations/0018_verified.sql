-- migrate:up

-- What the last `onhand verify` found, for whoever watches. Not from the log: it is found again by another.
CREATE TABLE verified (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    at          timestamptz NOT NULL,
    seconds     double precision NOT NULL,
    ok          boolean     NOT NULL,
    cells       bigint      NOT NULL,
    differences bigint      NOT NULL
);

-- How each worker gets on, as it says itself every second. Not from the log, and soon out of date: a worker that says nothing is dead,
-- stopped or cut off. UNLOGGED: after a crash of PostgreSQL all say it again.
CREATE UNLOGGED TABLE worker_health (
    worker  text PRIMARY KEY,
    ready   boolean     NOT NULL,
    reason  text,
    said_at timestamptz NOT NULL
);

-- Since when the oldest number waits that a channel's platform does not show yet.
ALTER TABLE channel_health ADD COLUMN oldest_since timestamptz;
