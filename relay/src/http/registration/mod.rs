//! Making an account.

pub(super) mod finish;
pub(super) mod start;
