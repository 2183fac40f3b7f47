//! Files through a real relay and a real S3 server, by the SDK and by the command.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its scene should stop there"
)]

#[path = "blobs/command.rs"]
mod command;
#[path = "blobs/damage.rs"]
mod damage;
#[path = "blobs/desk.rs"]
mod desk;
#[path = "blobs/dialect.rs"]
mod dialect;
#[path = "blobs/expiry.rs"]
mod expiry;
#[path = "blobs/object.rs"]
mod object;
#[path = "blobs/operator.rs"]
mod operator;
#[path = "blobs/refusals.rs"]
mod refusals;
#[path = "blobs/shelf.rs"]
mod shelf;
#[path = "blobs/transfers.rs"]
mod transfers;
