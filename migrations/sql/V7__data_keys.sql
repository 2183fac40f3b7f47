-- The keys that seal rows, each wrapped by the key service. There is at most one per scope.

CREATE TABLE data_keys (
    data_key_id bytea PRIMARY KEY CHECK (octet_length(data_key_id) = 16),
    scope       text NOT NULL CHECK (scope IN ('directory', 'index', 'receipt', 'space')),
    space_no    bigint,
    wrapped     bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((scope = 'space') = (space_no IS NOT NULL)),
    UNIQUE NULLS NOT DISTINCT (scope, space_no)
);
COMMENT ON TABLE data_keys IS 'Data keys, wrapped by OpenBao Transit or the key file.';
COMMENT ON COLUMN data_keys.data_key_id IS 'Random public name, 16 bytes.';
COMMENT ON COLUMN data_keys.scope IS 'What the key is for.';
COMMENT ON COLUMN data_keys.space_no IS 'The number of the space, where the scope is one. A key may be older than its space.';
COMMENT ON COLUMN data_keys.wrapped IS 'The key, wrapped with scope, space number and id as associated data.';
COMMENT ON COLUMN data_keys.created_at IS 'When the key was first stored, by the clock of the database.';
