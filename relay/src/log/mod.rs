//! The log: orders, stores and fans out entries that the relay cannot read.
//!
//! [`LogService`] is all that the sockets see: publish, subscribe, wraps and signals. Behind it:
//!
//! ```text
//! publish ─ verify_pool ─ lane: plan (fold, seal) of all spaces that are ready ─ store     commit, then:
//!                         or worker of a space, as a task, if it has to wait ──┘           ack, ring, view, bus
//! reader  ─ ring, or pages from the store; woken by the view
//! ```

mod carried_wraps;
mod checked;
mod checkpoints;
mod error;
mod healing;
mod invites;
mod lanes;
mod ledger;
mod limits;
mod look_ups;
mod observe;
mod opening;
mod page;
mod plan;
pub mod ports;
mod quotas;
mod rates;
mod reader;
mod receipts;
mod repair;
mod retention;
mod ring;
mod row_cipher;
mod service;
mod shared;
mod shred_entry;
mod shredding;
mod signalling;
mod signals;
mod snapshot;
mod space;
mod space_map;
mod standing;
mod stored_pages;
mod submission;
mod tail_budget;
mod verify_pool;
mod view;
mod withheld;
mod worker;
mod wrap_check;
mod wrap_requests;
mod wraps;

pub use error::LogError;
pub use healing::Tail;
pub use limits::LogLimits;
pub use observe::{IgnoreLog, ObserveLog};
pub use page::{EncodedEntry, Page};
pub use reader::{Head, Reader, Subscription};
pub use service::{Ack, LogParts, LogService, PublishOutcome};
pub use signals::{Live, Signals};
pub use standing::MemberStanding;

#[cfg(test)]
pub(crate) mod tests;
