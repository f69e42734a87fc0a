-- migrate:up

-- Demand without a place is looked for again and again, in a journal that only grows.
CREATE INDEX movements_unrouted ON movements (transaction) WHERE '@unrouted' = ANY(locations);
CREATE INDEX movements_unrouted_since ON movements (recorded_at) WHERE '@unrouted' = ANY(locations);
