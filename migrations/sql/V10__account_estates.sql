-- An account can be deleted. What it leaves in spaces is found by its principals.

DROP INDEX wraps_of_recipient;
CREATE INDEX wraps_of_recipient ON wraps (recipient, space_no, epoch);

COMMENT ON COLUMN spaces.created_by_account IS 'The account that made the space; its storage quota pays. After that account was deleted, a random id that stands for nobody and is shared by its spaces.';
