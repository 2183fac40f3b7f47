//! The HTTP API of the relay, as the account half of this crate uses it.
//!
//! Nothing here trusts an answer: sizes are limited before they are read, redirects are refused, and what a body says is
//! checked by who asked.

mod accounts;
mod agents;
mod approvals;
mod blobs;
pub(crate) mod dial;
mod keystore;
mod problem;
mod request;
mod sessions;
pub(crate) mod tls;

pub(crate) use request::Api;

#[cfg(test)]
mod tests;
