//! Tables of the account half: who this device is, what it pinned of its relay, and whom it knows.

/// Their first form.
pub(super) const TABLES: &str = "
-- The one account of this home.
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    account_id BLOB NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

-- What was pinned at the first contact with a relay.
CREATE TABLE relay (
    origin TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

-- Principals of other people: candidates and confirmed ones.
CREATE TABLE contact (
    principal_id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
";
