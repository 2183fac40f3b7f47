-- What there is once per database.

CREATE TABLE relay_state (
    singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    incarnation bytea NOT NULL CHECK (octet_length(incarnation) = 16),
    created_at  timestamptz NOT NULL
);
COMMENT ON TABLE relay_state IS 'One row: which life of the database this is.';
COMMENT ON COLUMN relay_state.singleton IS 'Always true; keeps the table at one row.';
COMMENT ON COLUMN relay_state.incarnation IS 'Random, 16 bytes. A restore draws a new one, which tells clients to heal.';
COMMENT ON COLUMN relay_state.created_at IS 'When this incarnation began.';

CREATE TABLE relay_secrets (
    name       text PRIMARY KEY CHECK (name IN ('opaque_server_setup')),
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE relay_secrets IS 'Long-lived secrets of the relay, each sealed under the directory data key.';
COMMENT ON COLUMN relay_secrets.name IS 'Which secret. opaque_server_setup: without it no passphrase works any more.';
COMMENT ON COLUMN relay_secrets.sealed IS 'The secret, sealed.';
COMMENT ON COLUMN relay_secrets.created_at IS 'When the secret was drawn.';
