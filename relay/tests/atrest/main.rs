//! Tests of `relay/src/atrest`: the key-wrapper port on all its adapters, and what stands on it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

mod data_keys;
mod rewrap;
mod support;
