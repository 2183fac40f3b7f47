//! A Postgres cluster per test process, a database per test.

mod cluster;
mod database;

pub use database::TestDatabase;
