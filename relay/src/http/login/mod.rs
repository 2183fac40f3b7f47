//! Login with a passphrase.

pub(super) mod finish;
pub(super) mod start;
