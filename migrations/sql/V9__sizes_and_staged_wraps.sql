-- Two looks that must not slow down as tables grow.

-- Staging counts what one member has staged: without this, over every wrap that the space has ever named.
CREATE INDEX wraps_staged_by ON wraps (space_no, staged_by) WHERE named_by_seq IS NULL;

COMMENT ON COLUMN spaces.appended_bytes IS 'Bytes of all entries, before any were dropped; noted now and then, so a MiB or so behind.';
