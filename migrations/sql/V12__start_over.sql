-- A person may start over with new keys. The old principal stays known as revoked, so that nobody can register it again.

ALTER TABLE principals ADD COLUMN revoked_at timestamptz;
COMMENT ON COLUMN principals.revoked_at IS 'When its owner started over with other keys; null while it counts.';

-- A login that is under way while its owner starts over proves the old principal: it must not outlive that, whichever commits last.
ALTER TABLE sessions ADD COLUMN principal_id bytea CHECK (octet_length(principal_id) = 32);
UPDATE sessions SET principal_id = accounts.principal_id FROM accounts WHERE accounts.account_id = sessions.account_id;
COMMENT ON COLUMN sessions.principal_id IS 'The principal that logged in; the session counts while that is its owner''s. Null where a relay of before this column made it: then it counts.';

ALTER TABLE staged_changes
    ADD COLUMN principal_id bytea CHECK (octet_length(principal_id) = 32),
    ADD COLUMN manifest_sealed bytea,
    ADD CHECK ((principal_id IS NULL) = (manifest_sealed IS NULL));
COMMENT ON COLUMN staged_changes.principal_id IS 'The new principal, where the owner starts over; else null.';
COMMENT ON COLUMN staged_changes.manifest_sealed IS 'Its signed manifest, sealed for its place among the principals; null where the principal stays.';
