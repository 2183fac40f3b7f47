//! Somebody else's client (`tests/interop`, JavaScript, written from SPEC.md alone) and the SDK at one real relay.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

#[path = "interop/files.rs"]
mod files;
#[path = "interop/login.rs"]
mod login;
#[path = "interop/openapi.rs"]
mod openapi;
#[path = "interop/scene.rs"]
mod scene;
#[path = "interop/sharing.rs"]
mod sharing;
