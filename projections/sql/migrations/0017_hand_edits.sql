-- migrate:up

-- What is said of levels that somebody changed by hand: few among very many receipts, and looked for again and again.
CREATE INDEX receipts_of_hand_edits ON receipts (pushed_at) WHERE outcome IN ('drifted', 'overruled');
