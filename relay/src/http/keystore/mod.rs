//! The caller's keystore.

pub(super) mod current;
pub(super) mod history;
pub(super) mod replace;
pub(super) mod version;
