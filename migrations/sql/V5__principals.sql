-- Cryptographic actors and their signed public manifests.

CREATE TABLE principals (
    principal_id    bytea PRIMARY KEY CHECK (octet_length(principal_id) = 32),
    account_id      bytea NOT NULL REFERENCES accounts ON DELETE CASCADE,
    manifest_sealed bytea NOT NULL,
    created_at      timestamptz NOT NULL
);
CREATE INDEX principals_by_account ON principals (account_id, created_at);
COMMENT ON TABLE principals IS 'Cryptographic actors, each with its public manifest.';
COMMENT ON COLUMN principals.principal_id IS 'Hash of the manifest, 32 bytes.';
COMMENT ON COLUMN principals.account_id IS 'The account that holds the private keys.';
COMMENT ON COLUMN principals.manifest_sealed IS 'The signed manifest, sealed.';
COMMENT ON COLUMN principals.created_at IS 'When the manifest was stored.';

-- Account and principal name each other; both rows come in one transaction.
ALTER TABLE accounts
    ADD CONSTRAINT accounts_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES principals
    DEFERRABLE INITIALLY DEFERRED;
