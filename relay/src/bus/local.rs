//! The bus inside one process.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast::{self, error::RecvError};

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
        let listener = self.ear(self.hub.hints.subscribe());
        async move { Ok(Box::new(listener) as Box<dyn Listener>) }.boxed()
    }

    fn send(&self, parcel: Parcel) {
        // Without receivers nobody misses it.
        let _ = self.hub.parcels.send((self.relay, parcel));
    }

    fn receive(&self) -> BoxFuture<'_, Result<Box<dyn Receiver>, BusClosed>> {
        let receiver = self.ear(self.hub.parcels.subscribe());
        async move { Ok(Box::new(receiver) as Box<dyn Receiver>) }.boxed()
    }
}

impl LocalBus {
    fn ear<T>(&self, receiver: broadcast::Receiver<(u64, T)>) -> Ear<T> {
        let relay = self.relay;
        Ear { relay, receiver }
    }
}

struct Ear<T> {
    relay: u64,
    receiver: broadcast::Receiver<(u64, T)>,
}

impl<T: Clone> Ear<T> {
    /// The next of what others said; `None` where some of it was dropped.
    async fn hear(&mut self) -> Result<Option<T>, BusClosed> {
        loop {
            match self.receiver.recv().await {
                Ok((relay, _)) if relay == self.relay => {}
                Ok((_, said)) => return Ok(Some(said)),
                Err(RecvError::Lagged(_)) => return Ok(None),
                Err(RecvError::Closed) => return Err(BusClosed),
            }
        }
    }
}

impl Listener for Ear<Hint> {
    fn next(&mut self) -> BoxFuture<'_, Result<Heard, BusClosed>> {
        async { Ok(self.hear().await?.map_or(Heard::Gap, Heard::Hint)) }.boxed()
    }
}

impl Receiver for Ear<Parcel> {
    fn next(&mut self) -> BoxFuture<'_, Result<Parcel, BusClosed>> {
        async {
            loop {
                if let Some(parcel) = self.hear().await? {
                    return Ok(parcel);
                }
            }
        }
        .boxed()
    }
}
