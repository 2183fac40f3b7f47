-- Agents: programs that act for a person, with keys and sessions of their own.

CREATE TABLE agents (
    principal_id bytea PRIMARY KEY REFERENCES principals ON DELETE CASCADE,
    account_id   bytea NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name_sealed  bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL
);
CREATE INDEX agents_by_account ON agents (account_id, created_at);
COMMENT ON TABLE agents IS 'Agents that enrolled with a pairing code of their owner. A revoked agent is deleted; its principal stays known as revoked, so that nobody can enroll it again.';
COMMENT ON COLUMN principals.revoked_at IS 'When its owner started over with other keys, or revoked the agent; null while it counts.';
COMMENT ON COLUMN agents.principal_id IS 'The agent''s principal.';
COMMENT ON COLUMN agents.account_id IS 'The owner''s account.';
COMMENT ON COLUMN agents.name_sealed IS 'How the owner calls the agent, sealed.';
COMMENT ON COLUMN agents.created_at IS 'When it enrolled.';
COMMENT ON COLUMN agents.last_seen_at IS 'When it last logged in or gave a sign of life.';

CREATE TABLE pairing_codes (
    token_hash  bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    account_id  bytea NOT NULL REFERENCES accounts ON DELETE CASCADE,
    session_id  bytea NOT NULL REFERENCES sessions ON DELETE CASCADE,
    name_sealed bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX pairing_codes_by_session ON pairing_codes (session_id);
CREATE INDEX pairing_codes_by_account ON pairing_codes (account_id, created_at);
CREATE INDEX pairing_codes_by_expiry ON pairing_codes (expires_at);
COMMENT ON TABLE pairing_codes IS 'Codes by which one agent each can enroll; deleted when used, past their time, or with the session or the credentials under which they were made.';
COMMENT ON COLUMN pairing_codes.token_hash IS 'Keyed hash of the token that the code derives; neither is stored.';
COMMENT ON COLUMN pairing_codes.account_id IS 'The account that the agent will belong to.';
COMMENT ON COLUMN pairing_codes.session_id IS 'The session that made it; when that ends, so does the code.';
COMMENT ON COLUMN pairing_codes.name_sealed IS 'How the owner will call the agent, sealed.';
COMMENT ON COLUMN pairing_codes.created_at IS 'When the owner made it.';
COMMENT ON COLUMN pairing_codes.expires_at IS 'From when on it is refused.';

ALTER TABLE sessions ADD COLUMN agent_id bytea REFERENCES agents ON DELETE CASCADE;
CREATE INDEX sessions_by_agent ON sessions (agent_id) WHERE agent_id IS NOT NULL;
COMMENT ON COLUMN sessions.agent_id IS 'The agent whose session it is; null for a device of the person.';

ALTER TABLE auth_attempts DROP CONSTRAINT auth_attempts_purpose_check;
ALTER TABLE auth_attempts ADD CONSTRAINT auth_attempts_purpose_check
    CHECK (purpose IN ('registration', 'login', 'recovery', 'agent'));
COMMENT ON COLUMN auth_attempts.purpose IS 'What the attempt is for: registration, login, recovery or agent (login of one).';
