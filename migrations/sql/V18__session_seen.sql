-- When a session was used is noted more exactly.

COMMENT ON COLUMN sessions.last_seen_at IS 'When it last called, to ten minutes.';
