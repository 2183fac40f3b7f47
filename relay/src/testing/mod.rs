//! Real parts for the tests of this crate: a directory on a database of its own, and people with clients.

mod agent;
mod directory;
mod log;
mod new_device;
mod person;
mod team;
mod test_clock;

pub use agent::TestAgent;
pub use directory::{ADDRESS, ORIGIN, TestDirectory};
pub use log::TestLog;
pub use new_device::TestDevice;
pub use person::{Person, authenticate, checked, registered};
pub use team::{AUDIENCE, TeamKey, TestTeam};
pub use test_clock::TestClock;

pub use crate::store::testing::TestDatabase;
