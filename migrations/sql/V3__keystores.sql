-- Keystores, sealed by the client and once more by the relay; the relay keeps versions and one staged change.

CREATE TABLE keystore_versions (
    account_id bytea NOT NULL REFERENCES accounts ON DELETE CASCADE,
    version    bigint NOT NULL CHECK (version > 0),
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, version)
);
COMMENT ON TABLE keystore_versions IS 'The last versions of each account''s keystore.';
COMMENT ON COLUMN keystore_versions.account_id IS 'Whose keystore.';
COMMENT ON COLUMN keystore_versions.version IS 'From 1, without gaps among those kept.';
COMMENT ON COLUMN keystore_versions.sealed IS 'The client''s sealed keystore, sealed again.';
COMMENT ON COLUMN keystore_versions.created_at IS 'When this version was stored.';

CREATE TABLE staged_changes (
    account_id          bytea PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    stage_id            bytea NOT NULL CHECK (octet_length(stage_id) = 16),
    base_version        bigint NOT NULL CHECK (base_version > 0),
    keystore_sealed     bytea NOT NULL,
    record_sealed       bytea,
    recovery_key_index  bytea CHECK (octet_length(recovery_key_index) = 32),
    recovery_key_sealed bytea,
    verified            boolean NOT NULL,
    staged_at           timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    CHECK ((recovery_key_index IS NULL) = (recovery_key_sealed IS NULL))
);
COMMENT ON TABLE staged_changes IS 'A change of keystore and credentials that is not in force yet; one per account.';
COMMENT ON COLUMN staged_changes.account_id IS 'Whose change.';
COMMENT ON COLUMN staged_changes.stage_id IS 'Random, 16 bytes: which change, so that a late commit cannot meet another one.';
COMMENT ON COLUMN staged_changes.base_version IS 'The keystore version that the change replaces.';
COMMENT ON COLUMN staged_changes.keystore_sealed IS 'The new keystore, sealed.';
COMMENT ON COLUMN staged_changes.record_sealed IS 'The new OPAQUE record, sealed; null where the passphrase stays.';
COMMENT ON COLUMN staged_changes.recovery_key_index IS 'Blind index of the new recovery login key; null where it stays.';
COMMENT ON COLUMN staged_changes.recovery_key_sealed IS 'The new recovery login key, sealed; null where it stays.';
COMMENT ON COLUMN staged_changes.verified IS 'Whether the client has asked for the check of the new record; true where there is none.';
COMMENT ON COLUMN staged_changes.staged_at IS 'When it was staged.';
COMMENT ON COLUMN staged_changes.expires_at IS 'From when on it can no longer be committed.';
