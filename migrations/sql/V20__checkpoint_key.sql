-- The relay signs checkpoints of logs with a key of its own.

ALTER TABLE data_keys DROP CONSTRAINT data_keys_scope_check;
ALTER TABLE data_keys ADD CONSTRAINT data_keys_scope_check CHECK (scope IN ('directory', 'index', 'receipt', 'checkpoint', 'space'));
