-- migrate:up

-- A block keeps the sums of all of its SKU's movements up to its end, of its class, and no longer its own: what some blocks that
-- follow each other come to is the difference of two. Without that a question as of an instant adds up every block there is before it.
-- And open units know since when they are open, of which channel and demand class, so that nobody looks that up order by order.
--
-- All that is derived is built anew beside the recorder. Until then questions read the journal, which takes them longer. A server of the
-- version before that runs on meanwhile builds nothing any more: its columns are gone.

-- Whoever is building has ended when we have this; whoever asks is not kept waiting.
LOCK TABLE block_progress IN SHARE ROW EXCLUSIVE MODE;
DELETE FROM block_progress;

-- `upto_units` and `upto_tracking` are the sums of the legs, by location and state, and how many movements that stand say that the
-- place is tracked; of all movements of the class (`apart`) that stand in the log at or before `last_offset`. A transfer's own place
-- is left out where it holds nothing (any more): there are as many as there were transfers.
ALTER TABLE blocks
    DROP COLUMN movements, DROP COLUMN locations, DROP COLUMN states, DROP COLUMN units, DROP COLUMN tracking,
    ADD COLUMN upto_locations text[]    NOT NULL,
    ADD COLUMN upto_states    text[]    NOT NULL,
    ADD COLUMN upto_units     numeric[] NOT NULL,
    ADD COLUMN upto_tracking  bigint[]  NOT NULL;

-- The earliest instant from which an order of that SKU still stands in the deal, its channel and its demand class: the same in all rows
-- of a deal and SKU. None where nothing that was ordered stands, and more has left than was.
ALTER TABLE open_units
    ADD COLUMN since        timestamptz,
    ADD COLUMN channel      text,
    ADD COLUMN demand_class text,
    ADD CONSTRAINT ordered_once CHECK (units < 0 OR (since, channel, demand_class) IS NOT NULL);
DROP INDEX open_units_closed;

-- A deal's movements of one SKU are looked for: by the SKU too, no plan needs statistics to see that they are few. (Half a minute for
-- ten million rows; the recorder waits, questions do not.)
CREATE INDEX movements_by_deal ON movements (transaction, sku);
DROP INDEX movements_by_transaction;
