//! Changes of passphrase or recovery code.

pub(super) mod commit;
pub(super) mod read_back;
pub(super) mod stage;
pub(super) mod start_passphrase;
pub(super) mod verify;
