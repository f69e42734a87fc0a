-- migrate:up

-- How many units a count found; what it comes to stands in movements that the ledger posted for it.
ALTER TABLE movements ADD COLUMN counted bigint;

-- A reservation is found by its own transaction.
CREATE INDEX movements_by_transaction ON movements (transaction);
