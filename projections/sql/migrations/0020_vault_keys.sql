-- migrate:up

-- The master key can be changed: `mark` names the one that is used now. References of people are made with the key for names of the
-- first master key that this vault had, whichever seals now: who was kept, or erased, stays known. It is kept here under the one that
-- is used now; none is while that still is the first.
ALTER TABLE vault
    ADD COLUMN nonce  bytea,
    ADD COLUMN naming bytea,
    ADD CONSTRAINT naming_whole CHECK (num_nulls(nonce, naming) IN (0, 2));

-- Which master key wraps a subject's. None: one from before they had names here.
ALTER TABLE subject_keys ADD COLUMN mark bytea;
CREATE INDEX subject_keys_by_mark ON subject_keys (mark);
