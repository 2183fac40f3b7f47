//! Tests of `relay/src/embedded`: the servers, as real processes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

mod openbao;
mod orphans;
mod postgres;
mod support;
