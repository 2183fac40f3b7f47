//! Real parts for the tests of this crate: a Postgres cluster per test process, a database per test, a
//! directory on it, and people with clients.

mod cluster;
mod database;
mod directory;
mod person;
mod test_clock;

pub use database::TestDatabase;
pub use directory::{ADDRESS, ORIGIN, TestDirectory};
pub use person::{Person, authenticate, checked, registered};
pub use test_clock::TestClock;
