-- The ledger of blobs: what is stored outside the database, whose it is, and what becomes of it. A blob's row is written before
-- anything is stored and outlives the object, so that nothing in the storage is unknown here.

CREATE TABLE blob_spaces (
    space_no   bigint PRIMARY KEY,
    key_prefix bytea NOT NULL UNIQUE CHECK (octet_length(key_prefix) = 16),
    bytes      bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    blobs      bigint NOT NULL DEFAULT 0 CHECK (blobs >= 0)
);
COMMENT ON TABLE blob_spaces IS 'What the blobs of a space use of the storage; always the sum over its rows in blobs.';
COMMENT ON COLUMN blob_spaces.space_no IS 'Number of the space.';
COMMENT ON COLUMN blob_spaces.key_prefix IS 'What all names of its objects begin with: random, so that the storage does not learn the space.';
COMMENT ON COLUMN blob_spaces.bytes IS 'Bytes reserved or stored.';
COMMENT ON COLUMN blob_spaces.blobs IS 'Number of blobs; a swept one counts until its row goes, so that rows are bounded.';

CREATE TABLE blob_accounts (
    account_id bytea PRIMARY KEY CHECK (octet_length(account_id) = 16),
    bytes      bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    blobs      bigint NOT NULL DEFAULT 0 CHECK (blobs >= 0)
);
COMMENT ON TABLE blob_accounts IS 'What the blobs that an account has put use of the storage; always the sum over its rows in blobs.';
COMMENT ON COLUMN blob_accounts.account_id IS 'The account.';
COMMENT ON COLUMN blob_accounts.bytes IS 'Bytes reserved or stored.';
COMMENT ON COLUMN blob_accounts.blobs IS 'Number of blobs; a swept one counts until its row goes, so that rows are bounded.';

CREATE TABLE blobs (
    space_no        bigint NOT NULL,
    blob_id         bytea NOT NULL CHECK (octet_length(blob_id) = 16),
    account_id      bytea NOT NULL CHECK (octet_length(account_id) = 16),
    principal_id    bytea NOT NULL CHECK (octet_length(principal_id) = 32),
    key_prefix      bytea NOT NULL CHECK (octet_length(key_prefix) = 16),
    key_rest        bytea NOT NULL CHECK (octet_length(key_rest) = 32),
    upload          text,
    state           text NOT NULL CHECK (state IN ('reserved', 'uploaded', 'referenced', 'tombstoned', 'swept')),
    part_bytes      bigint NOT NULL CHECK (part_bytes > 0),
    bytes           bigint NOT NULL CHECK (bytes >= 0),
    sha256          bytea CHECK (octet_length(sha256) = 32),
    reference_seq   bigint CHECK (reference_seq > 0),
    reserved_at     timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    put_until       timestamptz NOT NULL,
    PRIMARY KEY (space_no, blob_id)
);
CREATE UNIQUE INDEX blobs_by_key ON blobs (key_prefix, key_rest);
CREATE INDEX blobs_by_age ON blobs (state, changed_at);
CREATE INDEX blobs_by_account ON blobs (account_id);
CREATE INDEX blobs_by_principal ON blobs (principal_id);
COMMENT ON TABLE blobs IS 'One row for each blob: sealed by members, stored outside the database.';
COMMENT ON COLUMN blobs.space_no IS 'Number of the space whose members may read it.';
COMMENT ON COLUMN blobs.blob_id IS 'Its id, drawn by its author.';
COMMENT ON COLUMN blobs.account_id IS 'The account that put it; its quota pays.';
COMMENT ON COLUMN blobs.principal_id IS 'The principal that put it; zeros once that was deleted.';
COMMENT ON COLUMN blobs.key_prefix IS 'The first part of the object''s name: that of its space.';
COMMENT ON COLUMN blobs.key_rest IS 'The rest of the object''s name: random, drawn by the relay, never used again.';
COMMENT ON COLUMN blobs.upload IS 'The storage''s name of the upload; null before it has begun.';
COMMENT ON COLUMN blobs.state IS 'reserved, then uploaded, then referenced by an event; tombstoned once it is to go, swept when the storage has it no more.';
COMMENT ON COLUMN blobs.part_bytes IS 'The length of all its parts but the last.';
COMMENT ON COLUMN blobs.bytes IS 'Bytes reserved while it is reserved, then those that are stored; 0 once it is swept.';
COMMENT ON COLUMN blobs.sha256 IS 'Hash of the stored bytes, as the author told it; null while it is reserved.';
COMMENT ON COLUMN blobs.reference_seq IS 'The highest place of an event that refers to it; null before one was named.';
COMMENT ON COLUMN blobs.reserved_at IS 'When it was reserved first.';
COMMENT ON COLUMN blobs.changed_at IS 'When its state changed, or an upload last went on.';
COMMENT ON COLUMN blobs.put_until IS 'Until when a part of it can be put, or its object made: it is not swept before.';
