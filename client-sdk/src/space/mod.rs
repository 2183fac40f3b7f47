//! Spaces: one log each, verified before it is shown.

mod alarm;
mod alone;
mod api;
pub(crate) mod client;
mod control;
pub(crate) mod core;
mod create;
mod deliver;
mod draft;
mod ended;
mod handle;
pub(crate) mod heartbeat;
mod holder;
mod invites;
mod join;
mod keys;
mod members;
mod missing;
mod name;
pub(crate) mod proof;
mod rekeyer;
mod sender;
mod signal;
pub(crate) mod stop;
mod superseded;
pub(crate) mod tail;
mod unread;
pub(crate) mod wraps;

pub use alone::Alone;
pub use api::Space;
pub use client::{Notices, SpaceOptions, SpaceSummary};
pub use deliver::{Delivered, MessageCursor, Messages, Position};
pub use ended::SpaceEnd;
pub use heartbeat::Heard;
pub use invites::InviteOptions;
pub use join::Joined;
pub use name::MAX_NAME;
pub use sender::{OnAcked, Packing, Sender};
pub use signal::{MAX_SIGNAL, Signal, Signals};
pub use superseded::{Audience, PublishedAgain};
pub use wraps::RekeyProgress;

pub use crate::outbox::{GivenUp, HomeKept, Sent, Unsent};
pub use crate::store::log::{Evidence, Weight};

#[cfg(test)]
mod tests;
