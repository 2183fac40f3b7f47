//! The bus inside one process.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Bus, BusClosed, Heard, Hint, Listener};

/// Hints that wait for a slow listener; of more, the oldest are dropped and it hears a gap.
const QUEUED_HINTS: usize = 1024;

/// A place where the ends of one bus meet.
#[derive(Clone, Debug)]
pub struct LocalHub {
    sender: broadcast::Sender<(u64, Hint)>,
}

impl Default for LocalHub {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(QUEUED_HINTS),
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
        let _ = self.hub.sender.send((self.relay, hint));
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, BusClosed>> {
        let listener = LocalListener {
            relay: self.relay,
            receiver: self.hub.sender.subscribe(),
        };
        async move { Ok(Box::new(listener) as Box<dyn Listener>) }.boxed()
    }
}

struct LocalListener {
    relay: u64,
    receiver: broadcast::Receiver<(u64, Hint)>,
}

impl Listener for LocalListener {
    fn next(&mut self) -> BoxFuture<'_, Result<Heard, BusClosed>> {
        self.hear().boxed()
    }
}

impl LocalListener {
    async fn hear(&mut self) -> Result<Heard, BusClosed> {
        loop {
            match self.receiver.recv().await {
                Ok((relay, _)) if relay == self.relay => {}
                Ok((_, hint)) => return Ok(Heard::Hint(hint)),
                Err(RecvError::Lagged(_)) => return Ok(Heard::Gap),
                Err(RecvError::Closed) => return Err(BusClosed),
            }
        }
    }
}
