//! Login with a recovery code.

pub(super) mod finish;
pub(super) mod start;
