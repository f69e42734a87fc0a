-- migrate:up

-- Sums of parts of a SKU's journal, so that a question as of an instant need not read all of a SKU that has moved a million times.
-- Derived from the journal by `projections/blocks.py`, and only ever a little behind it. May be deleted at any time, all together
-- (`DELETE FROM block_progress`), and is built again.

-- How far the journal's partitions are digested.
CREATE TABLE block_progress (
    partition   integer PRIMARY KEY,
    next_offset bigint NOT NULL
);

-- What of a SKU is digested and not in a block yet: how many movements that were recorded promptly, since when these occurred, and
-- how many others.
CREATE TABLE block_tails (
    sku         text PRIMARY KEY,
    partition   integer NOT NULL REFERENCES block_progress ON DELETE CASCADE,
    prompt      bigint  NOT NULL,
    prompt_from timestamptz,
    apart       bigint  NOT NULL
);
CREATE INDEX block_tails_by_partition ON block_tails (partition);

-- Movements of one SKU that follow each other in the log, either all recorded promptly or all not (`apart`), with the span that they
-- have on both clocks. `units` and `tracking` are the sums of their legs by location and state, and how many of them that stand say
-- that the place is tracked.
CREATE TABLE blocks (
    sku           text        NOT NULL REFERENCES block_tails ON DELETE CASCADE,
    apart         boolean     NOT NULL,
    first_offset  bigint      NOT NULL,
    last_offset   bigint      NOT NULL,
    movements     bigint      NOT NULL,
    occurred_from timestamptz NOT NULL,
    occurred_to   timestamptz NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_to   timestamptz NOT NULL,
    locations     text[]      NOT NULL,
    states        text[]      NOT NULL,
    units         numeric[]   NOT NULL,
    tracking      bigint[]    NOT NULL,
    PRIMARY KEY (sku, apart, last_offset)
);

-- Units that are committed still, by deal, SKU and location; what has left or was cancelled is gone from here. Derived with the blocks.
CREATE TABLE open_units (
    transaction text    NOT NULL,
    sku         text    NOT NULL,
    location    text    NOT NULL,
    partition   integer NOT NULL REFERENCES block_progress ON DELETE CASCADE,
    units       numeric NOT NULL,
    PRIMARY KEY (transaction, sku, location)
);
CREATE INDEX open_units_by_sku ON open_units (sku, location);
CREATE INDEX open_units_by_partition ON open_units (partition);
CREATE INDEX open_units_closed ON open_units (partition) WHERE units = 0;

-- Lists, each in the order in which it is paged. Receipts of a SKU, and of a channel and outcome, newest first.
CREATE INDEX receipts_by_sku ON receipts (sku, pushed_at DESC, partition DESC, log_offset DESC);
CREATE INDEX receipts_by_outcome ON receipts (channel, outcome, pushed_at DESC, partition DESC, log_offset DESC);
CREATE INDEX oversells_by_time ON oversells (recorded_at DESC, (movement || place) DESC);
CREATE INDEX dead_letters_by_time ON dead_letters (received_at DESC);
-- SKUs that begin alike follow each other whatever the database's own collation is.
CREATE INDEX stock_in_order ON stock (sku COLLATE "C");
