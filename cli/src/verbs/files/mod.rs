//! Files in spaces.

mod chosen;
mod get;
mod ls;
mod put;
mod rm;

pub(crate) use get::Get;
pub(crate) use ls::List;
pub(crate) use put::Put;
pub(crate) use rm::Remove;
