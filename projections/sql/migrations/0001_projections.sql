-- migrate:up

-- How far each topic has been recorded. Moves only in the transaction that holds the rows.
CREATE TABLE offsets (
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint  NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- The journal: every movement, once.
CREATE TABLE movements (
    id           text PRIMARY KEY,
    sku          text        NOT NULL,
    kind         text        NOT NULL,
    quantity     bigint      NOT NULL,
    legs         jsonb       NOT NULL,
    locations    text[]      NOT NULL,
    transaction  text        NOT NULL,
    channel      text        NOT NULL,
    document     text        NOT NULL,
    occurred_at  timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text,
    voids        text,
    demand_class text        NOT NULL,
    partition    integer     NOT NULL,
    log_offset   bigint      NOT NULL
);
CREATE INDEX movements_by_sku ON movements (sku, occurred_at DESC, id DESC);
CREATE INDEX movements_by_time ON movements (occurred_at DESC, id DESC);

-- Stock as the ledger last wrote it, one row for each SKU.
CREATE TABLE stock (
    sku     text PRIMARY KEY,
    stock   jsonb  NOT NULL,
    version bigint NOT NULL
);

-- What each channel may sell.
CREATE TABLE channel_quantities (
    channel  text   NOT NULL,
    sku      text   NOT NULL,
    quantity bigint NOT NULL,
    value    jsonb  NOT NULL,
    version  bigint NOT NULL,
    PRIMARY KEY (channel, sku)
);

-- Every word with a platform, and the last one for each cell. `sure` is false while a push is under way that cannot be
-- repeated safely.
CREATE TABLE receipts (
    partition    integer     NOT NULL,
    log_offset   bigint      NOT NULL,
    channel      text        NOT NULL,
    sku          text        NOT NULL,
    place        text        NOT NULL,
    quantity     bigint      NOT NULL,
    level        bigint      NOT NULL,
    own          bigint      NOT NULL,
    outcome      text        NOT NULL,
    pushed_at    timestamptz NOT NULL,
    stock_offset bigint      NOT NULL,
    ref          text,
    detail       text,
    PRIMARY KEY (partition, log_offset)
);
CREATE TABLE told (
    channel    text    NOT NULL,
    sku        text    NOT NULL,
    place      text    NOT NULL,
    level      bigint  NOT NULL,
    own        bigint  NOT NULL,
    sure       boolean NOT NULL,
    outcome    text    NOT NULL,
    log_offset bigint  NOT NULL,
    PRIMARY KEY (channel, sku, place)
);

-- The newest level each platform reported.
CREATE TABLE observations (
    channel     text        NOT NULL,
    sku         text        NOT NULL,
    location    text        NOT NULL,
    level       bigint,
    observed_at timestamptz NOT NULL,
    version     bigint      NOT NULL,
    PRIMARY KEY (channel, sku, location)
);

CREATE TABLE dead_letters (
    partition   integer     NOT NULL,
    log_offset  bigint      NOT NULL,
    channel     text        NOT NULL,
    topic       text        NOT NULL,
    stage       text        NOT NULL,
    reason      text        NOT NULL,
    ref         text        NOT NULL,
    payload     jsonb       NOT NULL,
    received_at timestamptz NOT NULL,
    retried_at  timestamptz,
    PRIMARY KEY (partition, log_offset)
);

-- What each platform calls our items and places, and how far each was polled. Not from the log: asked again at will.
CREATE TABLE directories (
    channel   text PRIMARY KEY,
    directory jsonb NOT NULL
);
CREATE TABLE cursors (
    channel text PRIMARY KEY,
    cursor  text NOT NULL
);
