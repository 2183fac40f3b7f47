//! The log on a real Postgres.

mod actors;
mod appending;
mod chat;
mod control;
mod limits;
mod reading;
mod refusals;
mod relays;
mod restarts;
mod signals;
