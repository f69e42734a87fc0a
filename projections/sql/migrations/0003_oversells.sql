-- migrate:up

-- Every movement that took more than there was, and why.
CREATE TABLE oversells (
    movement    text        NOT NULL,
    sku         text        NOT NULL,
    place       text        NOT NULL,
    available   bigint      NOT NULL,
    cause       text        NOT NULL,
    kind        text        NOT NULL,
    transaction text        NOT NULL,
    channel     text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (movement, sku, place)
);
CREATE INDEX oversells_by_sku ON oversells (sku, recorded_at DESC);
