//! The caller's sessions.

pub(super) mod end;
pub(super) mod end_current;
pub(super) mod list;
