-- migrate:up

-- How many units a count found; what it comes to stands in movements that the ledger posted for it.
ALTER TABLE movements ADD COLUMN counted bigint;
