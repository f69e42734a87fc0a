-- migrate:up

-- The bundle that was sold, where a movement is about a component of it.
ALTER TABLE movements ADD COLUMN bundle text;
