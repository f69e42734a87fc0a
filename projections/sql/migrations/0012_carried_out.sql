-- migrate:up

-- What platforms were asked to carry out of deals that another channel took, and what became of it. Not from the log. Lost, what is
-- still to be brought is asked for again, and found; what is not wanted any more would not be cancelled.
CREATE TABLE carried_out (
    transaction text,
    location    text,
    channel     text        NOT NULL,
    state       text        NOT NULL,
    lines       jsonb       NOT NULL,
    wanted      jsonb       NOT NULL,
    at          timestamptz NOT NULL,
    ref         text,
    detail      text,
    tried_at    timestamptz,
    unsure      boolean     NOT NULL,
    edition     integer     NOT NULL,
    PRIMARY KEY (transaction, location)
);
CREATE INDEX carried_out_by ON carried_out (channel) WHERE state <> 'cancelled';
CREATE INDEX carried_out_amiss ON carried_out (at) WHERE state IN ('asked', 'refused', 'changed');
