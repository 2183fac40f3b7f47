-- New devices that ask to be let in by one that is logged in.

CREATE TABLE device_requests (
    token_hash         bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    claim_hash         bytea NOT NULL UNIQUE CHECK (octet_length(claim_hash) = 32),
    device_sealed      bytea NOT NULL,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    account_id         bytea REFERENCES accounts ON DELETE CASCADE,
    credential_version bigint,
    approval_sealed    bytea,
    CHECK (num_nulls(account_id, credential_version, approval_sealed) IN (0, 3))
);
CREATE INDEX device_requests_by_expiry ON device_requests (expires_at);
CREATE INDEX device_requests_by_account ON device_requests (account_id) WHERE account_id IS NOT NULL;
COMMENT ON TABLE device_requests IS 'New devices that wait for an approval; deleted when claimed, withdrawn or past their time.';
COMMENT ON COLUMN device_requests.token_hash IS 'Keyed hash of the token that the device''s code derives; neither is stored.';
COMMENT ON COLUMN device_requests.claim_hash IS 'Keyed hash of the token by which the device asks what came of it.';
COMMENT ON COLUMN device_requests.device_sealed IS 'The device''s one-time key and its name, sealed.';
COMMENT ON COLUMN device_requests.created_at IS 'When the device asked.';
COMMENT ON COLUMN device_requests.expires_at IS 'From when on it is refused.';
COMMENT ON COLUMN device_requests.account_id IS 'The account that let it in; null until then.';
COMMENT ON COLUMN device_requests.credential_version IS 'Version of the account''s credentials at that time: a change of them voids the approval.';
COMMENT ON COLUMN device_requests.approval_sealed IS 'What the approver sealed to the device, sealed once more.';

ALTER TABLE sessions ADD COLUMN by_approval boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sessions.by_approval IS 'Whether another device let this one in: it has proven no credential, and may change none.';
