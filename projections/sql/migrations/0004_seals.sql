-- migrate:up

-- The chain over the journal, by partition of `movements`: each seal covers its movement and the seal before it.
ALTER TABLE movements ADD COLUMN seal bytea;
CREATE UNIQUE INDEX movements_by_log ON movements (partition, log_offset);
CREATE TABLE seals (
    partition integer PRIMARY KEY,
    seal      bytea NOT NULL
);
