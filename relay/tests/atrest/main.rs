//! Tests of `relay/src/atrest`: the key-wrapper port on all its adapters, and what stands on it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

mod conformance;
mod data_keys;
mod key_file;
mod rewrap;
mod secrecy;
mod store;
mod support;
mod transit;
mod transit_tls;
