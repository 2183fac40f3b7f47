//! The bus: tells other relays on the same database that a log has grown.
//!
//! It carries hints, nothing else. A lost hint costs time, never an entry: the ends of the logs in memory are also
//! compared with the database now and then.

mod local;
pub mod postgres;
#[cfg(test)]
mod tests;

use futures_util::future::BoxFuture;
use sealpost_protocol::ids::SpaceId;

pub use local::{LocalBus, LocalHub};

/// That the log of a space has reached a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The space.
    pub space_id: SpaceId,
    /// The place.
    pub head: u64,
}

/// What a listener hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A hint of another relay.
    Hint(Hint),
    /// Hints may have been lost: look at all heads.
    Gap,
}

/// The bus cannot be listened to (any more); the cause was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bus is closed")]
pub struct BusClosed;

/// Where hints go and come from. One for each relay process.
pub trait Bus: Send + Sync {
    /// Announces a new head, soon. Never waits; of several hints for one space the newest goes out.
    fn announce(&self, hint: Hint);

    /// Begins to listen: what others announce from now on is heard, or a gap.
    ///
    /// # Errors
    /// [`BusClosed`] if that is not possible now.
    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, BusClosed>>;
}

/// An ear on the bus.
pub trait Listener: Send {
    /// What is heard next. May be cancelled.
    ///
    /// # Errors
    /// [`BusClosed`] if nothing will be heard any more.
    fn next(&mut self) -> BoxFuture<'_, Result<Heard, BusClosed>>;
}
