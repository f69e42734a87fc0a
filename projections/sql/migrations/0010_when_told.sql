-- When each cell's last word with its platform was. Unknown of what was recorded before: that counts as long ago.
ALTER TABLE told ADD COLUMN pushed_at timestamptz;
