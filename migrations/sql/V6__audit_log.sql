-- What happened to accounts, for their owners and the operator.

CREATE TABLE audit_log (
    entry_id       bytea PRIMARY KEY CHECK (octet_length(entry_id) = 16),
    account_id     bytea REFERENCES accounts ON DELETE CASCADE,
    action         text NOT NULL,
    details_sealed bytea,
    created_at     timestamptz NOT NULL
);
CREATE INDEX audit_log_by_account ON audit_log (account_id, created_at);
COMMENT ON TABLE audit_log IS 'Changes of accounts, credentials and sessions; only added to.';
COMMENT ON COLUMN audit_log.entry_id IS 'Random, 16 bytes.';
COMMENT ON COLUMN audit_log.account_id IS 'Whose account; null for acts of the operator.';
COMMENT ON COLUMN audit_log.action IS 'What happened: one of a fixed list of words.';
COMMENT ON COLUMN audit_log.details_sealed IS 'Which device, session or version, sealed; null without any.';
COMMENT ON COLUMN audit_log.created_at IS 'When it happened.';
