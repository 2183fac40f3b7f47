//! The bus: tells other relays on the same database that a log has grown, and hands them the signals of the moment.
//!
//! What it says may be lost. A lost hint costs time, never an entry: the ends of the logs in memory are also compared
//! with the database now and then. A lost signal is lost, as signals may be. Neither waits for the other.

mod ear;
mod local;
pub mod postgres;
#[cfg(test)]
mod tests;

use bytes::Bytes;
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

/// A signal for whoever subscribes to its space at another relay. It is sealed: the bus is not trusted with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The space.
    pub space_id: SpaceId,
    /// The signal, sealed under the data key of the space.
    pub sealed: Bytes,
}

/// The bus cannot be listened to (any more); the cause was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bus is closed")]
pub struct BusClosed;

/// Where hints and parcels go and come from. One for each relay process.
pub trait Bus: Send + Sync {
    /// Announces a new head, soon. Never waits; of several hints for one space the newest goes out.
    fn announce(&self, hint: Hint);

    /// Begins to listen: what others announce from now on is heard, or a gap.
    ///
    /// # Errors
    /// [`BusClosed`] if that is not possible now.
    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, BusClosed>>;

    /// Sends a parcel to all other relays, soon. Never waits; of too many, the oldest are dropped.
    fn send(&self, parcel: Parcel);

    /// Begins to take in what others send from now on.
    ///
    /// # Errors
    /// [`BusClosed`] if that is not possible now.
    fn receive(&self) -> BoxFuture<'_, Result<Box<dyn Receiver>, BusClosed>>;
}

/// An ear on the bus.
pub trait Listener: Send {
    /// What is heard next. May be cancelled.
    ///
    /// # Errors
    /// [`BusClosed`] if nothing will be heard any more.
    fn next(&mut self) -> BoxFuture<'_, Result<Heard, BusClosed>>;
}

/// Takes in parcels, those of one relay in the order in which they were sent. Who is behind misses the oldest.
pub trait Receiver: Send {
    /// The next parcel of another relay. May be cancelled.
    ///
    /// # Errors
    /// [`BusClosed`] if there will be no more.
    fn next(&mut self) -> BoxFuture<'_, Result<Parcel, BusClosed>>;
}
