-- A person may start over with new keys. The old principal stays known as revoked, so that nobody can register it again.

ALTER TABLE principals ADD COLUMN revoked_at timestamptz;
COMMENT ON COLUMN principals.revoked_at IS 'When its owner started over with other keys; null while it counts.';

ALTER TABLE staged_changes
    ADD COLUMN principal_id bytea CHECK (octet_length(principal_id) = 32),
    ADD COLUMN manifest_sealed bytea,
    ADD CHECK ((principal_id IS NULL) = (manifest_sealed IS NULL));
COMMENT ON COLUMN staged_changes.principal_id IS 'The new principal, where the owner starts over; else null.';
COMMENT ON COLUMN staged_changes.manifest_sealed IS 'Its signed manifest, sealed for its place among the principals; null where the principal stays.';
