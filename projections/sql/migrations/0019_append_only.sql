-- migrate:up

-- What is recorded of the past is not changed, by us or by a statement that somebody slipped in: a row of the journal is neither changed
-- nor deleted, and the end of the chain over it only moves on. A rebuild empties whole tables (TRUNCATE) and records the log again. Whoever
-- owns the tables can still switch this off; that is what the chain of seals and `onhand verify` are for.
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: it only grows', lower(TG_OP), TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON movements FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE DELETE ON seals FOR EACH ROW EXECUTE FUNCTION append_only();
