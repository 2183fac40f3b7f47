//! The bus inside one process.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast;

use super::ear::{Ear, OfHints, OfParcels, receive};
use super::{Bus, BusClosed, Heard, Hint, Listener, Parcel, Receiver};

/// Hints that wait for a slow listener; of more, the oldest are dropped and it hears a gap.
const QUEUED_HINTS: usize = 1024;
/// Parcels that wait for a slow receiver; of more, the oldest are dropped.
const QUEUED_PARCELS: usize = 256;

/// A place where the ends of one bus meet.
#[derive(Clone, Debug)]
pub struct LocalHub {
    hints: broadcast::Sender<(u64, Hint)>,
    parcels: broadcast::Sender<(u64, Parcel)>,
}

impl Default for LocalHub {
    fn default() -> Self {
        Self {
            hints: broadcast::Sender::new(QUEUED_HINTS),
            parcels: broadcast::Sender::new(QUEUED_PARCELS),
        }
    }
}

impl LocalHub {
    /// The end of the relay with this number, which hears all others but not itself.
    #[must_use]
    pub fn end(&self, relay: u64) -> LocalBus {
        LocalBus {
            relay,
            hub: self.clone(),
        }
    }
}

/// One relay's end of a [`LocalHub`].
#[derive(Clone, Debug)]
pub struct LocalBus {
    relay: u64,
    hub: LocalHub,
}

impl Bus for LocalBus {
    fn announce(&self, hint: Hint) {
        // Without listeners nobody misses it.
        let _ = self.hub.hints.send((self.relay, hint));
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, BusClosed>> {
        let listener = OfHints(self.ear(self.hub.hints.subscribe()));
        async move { Ok(Box::new(listener) as Box<dyn Listener>) }.boxed()
    }

    fn send(&self, parcel: Parcel) {
        // Without receivers nobody misses it.
        let _ = self.hub.parcels.send((self.relay, parcel));
    }

    fn receive(&self) -> BoxFuture<'_, Result<Box<dyn Receiver>, BusClosed>> {
        let receiver = OfParcels(self.ear(self.hub.parcels.subscribe()));
        async move { Ok(Box::new(receiver) as Box<dyn Receiver>) }.boxed()
    }
}

impl LocalBus {
    fn ear<T>(&self, receiver: broadcast::Receiver<(u64, T)>) -> LocalEar<T> {
        let relay = self.relay;
        LocalEar { relay, receiver }
    }
}

struct LocalEar<T> {
    relay: u64,
    receiver: broadcast::Receiver<(u64, T)>,
}

impl<T: Clone + Send> LocalEar<T> {
    /// The next of what others said.
    async fn hear_others(&mut self) -> Result<Option<T>, BusClosed> {
        loop {
            match receive(&mut self.receiver).await? {
                Some((relay, _)) if relay == self.relay => {}
                said => return Ok(said.map(|(_, said)| said)),
            }
        }
    }
}

impl Ear<Heard> for LocalEar<Hint> {
    async fn hear(&mut self) -> Result<Option<Heard>, BusClosed> {
        Ok(self.hear_others().await?.map(Heard::Hint))
    }
}

impl Ear<Parcel> for LocalEar<Parcel> {
    async fn hear(&mut self) -> Result<Option<Parcel>, BusClosed> {
        self.hear_others().await
    }
}
