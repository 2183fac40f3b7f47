-- Attempts to log in, and the sessions that come of them.

CREATE TABLE auth_attempts (
    attempt_id   bytea PRIMARY KEY CHECK (octet_length(attempt_id) = 16),
    purpose      text NOT NULL CHECK (purpose IN ('registration', 'login', 'recovery')),
    state_sealed bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX auth_attempts_by_expiry ON auth_attempts (expires_at);
COMMENT ON TABLE auth_attempts IS 'The relay''s memory between the two messages of a registration or login; single use.';
COMMENT ON COLUMN auth_attempts.attempt_id IS 'Random, 16 bytes; the client sends it back.';
COMMENT ON COLUMN auth_attempts.purpose IS 'What the attempt is for: registration, login or recovery.';
COMMENT ON COLUMN auth_attempts.state_sealed IS 'What the second message needs, sealed; of equal length for known and unknown users.';
COMMENT ON COLUMN auth_attempts.created_at IS 'When the first message came.';
COMMENT ON COLUMN auth_attempts.expires_at IS 'From when on the second message is refused.';

CREATE TABLE sessions (
    session_id    bytea PRIMARY KEY CHECK (octet_length(session_id) = 16),
    token_hash    bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    account_id    bytea NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device_sealed bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
COMMENT ON TABLE sessions IS 'Devices that are logged in. A revoked or expired session is deleted.';
COMMENT ON COLUMN sessions.session_id IS 'Random public name, 16 bytes, for listing and revoking.';
COMMENT ON COLUMN sessions.token_hash IS 'Keyed hash of the bearer token; the token itself is not stored.';
COMMENT ON COLUMN sessions.account_id IS 'Whose session.';
COMMENT ON COLUMN sessions.device_sealed IS 'The name the person gave the device, sealed.';
COMMENT ON COLUMN sessions.created_at IS 'When the device logged in; credentials can be changed for a few minutes after that.';
COMMENT ON COLUMN sessions.last_seen_at IS 'When it last called, to the hour.';
COMMENT ON COLUMN sessions.expires_at IS 'From when on the token is refused.';
