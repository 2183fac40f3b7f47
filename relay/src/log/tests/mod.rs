//! The log on a real Postgres.

pub(crate) mod actors;
pub(crate) mod appending;
pub(crate) mod chat;
mod checkpoints;
mod control;
mod failures;
mod healing;
mod invites;
mod limits;
mod membership;
mod model;
mod races;
mod reading;
mod refusals;
mod relays;
mod restarts;
mod retention;
mod shreds;
mod signals;
mod wrap_requests;
