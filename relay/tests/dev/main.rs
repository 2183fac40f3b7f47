//! `sealpost-relay dev` and the verbs around it, as processes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

mod backups;
mod lifecycle;
mod support;
mod verbs;
