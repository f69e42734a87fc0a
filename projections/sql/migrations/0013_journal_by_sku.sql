-- migrate:up

-- The journal in eight parts, by the hash of the SKU.
--
-- Measured with a million movements of 200,000 SKUs over a year (PostgreSQL 15, the indexes below), against one table, sixteen parts,
-- and parts by month of `recorded_at`; pages of 8 kB that a question touches, and bytes of write-ahead log for each new row:
--
--                           one table    8 parts    16 parts    12 months
--     newest 50 of a SKU           13         13          13           49
--     one deal                      4         27          51           40
--     newest 100 of all            10         37          67           58
--     log, bytes a row           1271       1268        1307         1005
--
-- By SKU a question about one SKU, which nearly all are, costs the same however long the history is; by month it costs more with
-- every month, and that can only be won back by dropping old parts, which a journal never does. Parts by month write a fifth less. Eight
-- parts keep what looks everywhere (a deal, all SKUs) cheap, and each is vacuumed, reindexed and cached by itself.
--
-- Whoever is there already is moved here, once: every row is copied and indexed anew, which took 70 s for each million rows on two busy
-- cores, needs the journal's size again on disk until it is done, and keeps recorder and questions waiting meanwhile. The log waits
-- for the recorder: nothing is lost by it.
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
