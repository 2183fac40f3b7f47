//! Spaces through a real relay, by the SDK: what people do with them, and what they keep when parts die.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

#[path = "spaces/cluster.rs"]
mod cluster;
#[path = "spaces/crowd.rs"]
mod crowd;
#[path = "spaces/exchange.rs"]
mod exchange;
#[path = "spaces/faults.rs"]
mod faults;
#[path = "spaces/ghosts.rs"]
mod ghosts;
#[path = "spaces/invites.rs"]
mod invites;
#[path = "spaces/keys.rs"]
mod keys;
#[path = "spaces/membership.rs"]
mod membership;
#[path = "spaces/numbered.rs"]
mod numbered;
#[path = "spaces/people.rs"]
mod people;
#[path = "spaces/rejoin.rs"]
mod rejoin;
#[path = "spaces/relays.rs"]
mod relays;
