//! Spaces: one log each, verified before it is shown.

mod api;
pub(crate) mod client;
mod control;
pub(crate) mod core;
mod create;
mod deliver;
mod handle;
mod keys;
pub(crate) mod members;
mod sender;
mod signal;
pub(crate) mod stop;

pub use api::Space;
pub use client::{Notices, SpaceOptions, SpaceSummary};
pub use deliver::{Delivered, MessageCursor, Messages, Position};
pub use sender::{OnAcked, Packing, Sender};
pub use signal::{MAX_SIGNAL, Signal, Signals};

pub use crate::outbox::{Sent, Unsent};
pub use crate::store::log::Evidence;

#[cfg(test)]
mod tests;
