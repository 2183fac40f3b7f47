-- Members who ask for a wrap again, and the proof that a space was deleted.

CREATE TABLE wrap_requests (
    space_no  bigint NOT NULL,
    recipient bytea NOT NULL CHECK (octet_length(recipient) = 32),
    epoch     bigint NOT NULL CHECK (epoch > 0),
    asked_at  timestamptz NOT NULL,
    PRIMARY KEY (space_no, recipient, epoch)
);
CREATE INDEX wrap_requests_by_age ON wrap_requests (space_no, asked_at);
COMMENT ON TABLE wrap_requests IS 'Members without a usable wrap of an epoch, until another member has wrapped the secret again.';
COMMENT ON COLUMN wrap_requests.space_no IS 'Number of the space.';
COMMENT ON COLUMN wrap_requests.recipient IS 'Principal id of the member.';
COMMENT ON COLUMN wrap_requests.epoch IS 'The epoch whose secret it lacks.';
COMMENT ON COLUMN wrap_requests.asked_at IS 'When it asked first.';

COMMENT ON COLUMN wraps.recipient IS 'Principal id of who can open it, or the id of an open invite, whose link can.';
COMMENT ON COLUMN wraps.named_by_seq IS 'Place of the control record that names or carries it, or of the end of the log when it answered a request; null while it is only staged, and then it is dropped after a while.';

ALTER TABLE spaces ADD COLUMN tombstone bytea, ADD COLUMN shred_noted_at timestamptz;
CREATE INDEX spaces_to_shred ON spaces (space_no) WHERE tombstoned_at IS NOT NULL AND shred_noted_at IS NULL;
COMMENT ON COLUMN spaces.tombstone IS 'The signed record that deleted the space: all that is left of its log, shown to members as proof.';
COMMENT ON COLUMN spaces.shred_noted_at IS 'When the deletion stood in the shred ledger and all rows of the space were gone; null before that.';
