-- migrate:up

-- @@WHY@@
ALTER TABLE movements RENAME TO movements_in_one;
ALTER TABLE movements_in_one DROP CONSTRAINT movements_pkey;
DROP INDEX movements_by_sku, movements_by_time, movements_by_transaction, movements_by_log, movements_unrouted,
    movements_unrouted_since;

CREATE TABLE movements (LIKE movements_in_one) PARTITION BY HASH (sku);
DO $$
BEGIN
    FOR part IN 0..7 LOOP
        EXECUTE format(
            'CREATE TABLE movements_%s PARTITION OF movements FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part
        );
    END LOOP;
END
$$;
INSERT INTO movements SELECT * FROM movements_in_one;
DROP TABLE movements_in_one;

-- One SKU's, newest first: what most questions are about.
CREATE INDEX movements_by_sku ON movements (sku, occurred_at DESC, id DESC);
-- Everybody's, newest first.
CREATE INDEX movements_by_time ON movements (occurred_at DESC, id DESC);
CREATE INDEX movements_by_transaction ON movements (transaction);
-- The order of the log. That each offset is there once is the recorder's doing: rows and offset are one transaction.
CREATE INDEX movements_by_log ON movements (partition, log_offset);
-- The recorder looks whether it has a movement already. An id is one movement's, and so one SKU's; the SKU says where to look.
ALTER TABLE movements ADD PRIMARY KEY (id, sku);
-- What was not recorded promptly (the condition stands in projections/blocks.py too), in the order of the log.
CREATE INDEX movements_apart ON movements (sku, log_offset)
    WHERE NOT (recorded_at - occurred_at BETWEEN '-1 hour'::interval AND '1 hour'::interval);
-- Counts and openings are few, and looked for among very many.
CREATE INDEX movements_counted ON movements (sku, occurred_at DESC) WHERE counted IS NOT NULL;
CREATE INDEX movements_known ON movements (sku, occurred_at DESC) WHERE kind IN ('StockCounted', 'StockInitialised');
-- Demand without a place is looked for again and again.
CREATE INDEX movements_unrouted ON movements (transaction) WHERE '@unrouted' = ANY(locations);
CREATE INDEX movements_unrouted_since ON movements (recorded_at) WHERE '@unrouted' = ANY(locations);
ANALYZE movements;
