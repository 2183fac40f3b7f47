-- A fresh login counts as one while the credentials that it proved are the account's.

ALTER TABLE sessions ADD COLUMN credential_version bigint;
COMMENT ON COLUMN sessions.credential_version IS 'Version of the account''s credentials that the login proved; null for an agent''s, and where a relay of before this column made it: then it is not fresh.';
