//! I-12: backups of a real relay, made, verified and restored without Docker.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

#[path = "backup/bulk.rs"]
mod bulk;
#[path = "backup/consent.rs"]
mod consent;
#[path = "backup/healing.rs"]
mod healing;
#[path = "backup/keys.rs"]
mod keys;
#[path = "backup/keystores.rs"]
mod keystores;
#[path = "backup/killed.rs"]
mod killed;
#[path = "backup/pairs.rs"]
mod pairs;
#[expect(dead_code, reason = "the tests of spaces use more of it")]
#[path = "spaces/people.rs"]
mod people;
#[path = "backup/round_trip.rs"]
mod round_trip;
#[path = "backup/scene.rs"]
mod scene;
#[path = "backup/superseded.rs"]
mod superseded;
