-- Who may register and who has. Handles, records and keys are sealed; what is looked up by value is a keyed
-- blind index (invariant I-2).

CREATE TABLE registration_tokens (
    token_id    bytea PRIMARY KEY CHECK (octet_length(token_id) = 16),
    token_hash  bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    uses_total  integer NOT NULL CHECK (uses_total > 0),
    uses_left   integer NOT NULL CHECK (uses_left >= 0 AND uses_left <= uses_total),
    note_sealed bytea,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    revoked_at  timestamptz
);
COMMENT ON TABLE registration_tokens IS 'Invitations to register on this relay, handed out by its operator.';
COMMENT ON COLUMN registration_tokens.token_id IS 'Random public name, 16 bytes, for listing and revoking.';
COMMENT ON COLUMN registration_tokens.token_hash IS 'Keyed hash of the token; the token itself is not stored.';
COMMENT ON COLUMN registration_tokens.uses_total IS 'How many accounts the token was made for.';
COMMENT ON COLUMN registration_tokens.uses_left IS 'How many accounts it can still make.';
COMMENT ON COLUMN registration_tokens.note_sealed IS 'The operator''s note, sealed; null without one.';
COMMENT ON COLUMN registration_tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN registration_tokens.expires_at IS 'From when on it is refused; null for never.';
COMMENT ON COLUMN registration_tokens.revoked_at IS 'When the operator revoked it; null while it counts.';

CREATE TABLE accounts (
    account_id          bytea PRIMARY KEY CHECK (octet_length(account_id) = 16),
    handle_index        bytea NOT NULL UNIQUE CHECK (octet_length(handle_index) = 32),
    handle_sealed       bytea NOT NULL,
    credential_version  bigint NOT NULL CHECK (credential_version > 0),
    record_sealed       bytea NOT NULL,
    recovery_key_index  bytea NOT NULL UNIQUE CHECK (octet_length(recovery_key_index) = 32),
    recovery_key_sealed bytea NOT NULL,
    principal_id        bytea NOT NULL CHECK (octet_length(principal_id) = 32),
    keystore_version    bigint NOT NULL CHECK (keystore_version > 0),
    state               text NOT NULL CHECK (state IN ('active', 'disabled')),
    created_at          timestamptz NOT NULL
);
COMMENT ON TABLE accounts IS 'Who can log in.';
COMMENT ON COLUMN accounts.account_id IS 'Random, 16 bytes, never used again; the OPAQUE credential identifier.';
COMMENT ON COLUMN accounts.handle_index IS 'Blind index of the normalised handle.';
COMMENT ON COLUMN accounts.handle_sealed IS 'The handle, sealed.';
COMMENT ON COLUMN accounts.credential_version IS 'Counts the changes of record and recovery key; part of what both are sealed to.';
COMMENT ON COLUMN accounts.record_sealed IS 'The OPAQUE record, sealed.';
COMMENT ON COLUMN accounts.recovery_key_index IS 'Blind index of the public key that the recovery code logs in with.';
COMMENT ON COLUMN accounts.recovery_key_sealed IS 'That public key, sealed.';
COMMENT ON COLUMN accounts.principal_id IS 'The person''s current principal.';
COMMENT ON COLUMN accounts.keystore_version IS 'The current version of the keystore; compare-and-swap happens here.';
COMMENT ON COLUMN accounts.state IS 'active, or disabled by the operator.';
COMMENT ON COLUMN accounts.created_at IS 'When the account was registered.';
