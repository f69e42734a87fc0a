-- migrate:up

-- By how many units the number of a channel's own platform moved by itself. Written as it was sealed: jsonb would sort its keys.
ALTER TABLE movements ADD COLUMN witnessed json;
