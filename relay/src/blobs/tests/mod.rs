//! Blobs on a real database and a real S3 server.

mod dialect;
mod ends;
mod ledger;
mod refusals;
mod shelf;
mod sweeps;
mod uploads;
