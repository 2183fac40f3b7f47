//! Blobs on a real database and a real S3 server.

mod dialect;
mod ends;
mod held;
mod ledger;
mod lists;
mod meetings;
mod refusals;
mod restored;
mod shelf;
mod sweeps;
mod uploads;
