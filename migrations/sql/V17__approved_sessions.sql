-- An approval names the session that will come of it, so that the owner sees it, and can end it, before the device comes for it.

ALTER TABLE device_requests ADD COLUMN session_id bytea CHECK (octet_length(session_id) = 16);
COMMENT ON COLUMN device_requests.session_id IS 'The session that the device will get; null until it is let in, and where a relay of before this column let it in.';
