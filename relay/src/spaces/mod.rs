//! Spaces: who may do what in them.

mod authenticated;
mod party;

pub use authenticated::AuthenticatedPrincipal;
pub use party::Party;
