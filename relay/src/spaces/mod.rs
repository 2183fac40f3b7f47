//! Spaces: who may do what in them.

mod authenticated;

pub use authenticated::AuthenticatedPrincipal;
