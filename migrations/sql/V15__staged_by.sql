-- A staged change is its session's: another session of the account may have been stolen, and must not decide when it counts.

DELETE FROM staged_changes;
ALTER TABLE staged_changes ADD COLUMN session_id bytea REFERENCES sessions ON DELETE CASCADE;
CREATE INDEX staged_changes_by_session ON staged_changes (session_id);
COMMENT ON COLUMN staged_changes.session_id IS 'The session that staged it, and that alone can go on with it; the change ends with it. Null where a relay of before this column made it: then nobody can.';
COMMENT ON COLUMN staged_changes.expires_at IS 'From when on it can no longer be committed: the login that staged it is not fresh any more.';
