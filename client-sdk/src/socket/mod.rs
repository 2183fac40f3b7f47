//! The socket: one authenticated connection to the relay, kept up by one task.
//!
//! Requests wait while there is no connection and fail with it; a subscription ends with it. Who asked decides what to do
//! again: the sync engine subscribes anew after its own cursor, the outbox resends its signed bytes.

mod actor;

mod connection;
mod handshake;
mod requests;
mod state;
mod subscription;

pub(crate) use requests::refusal;
pub use state::ConnectionState;
pub(crate) use subscription::{Subscription, SubscriptionEvent};

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::Rng;
use sealpost_protocol::wire;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;

use subscription::Events;

use crate::backoff::Backoff;
use crate::error::Error;
use crate::transport::Transport;

/// Commands that wait for the connection; who comes later waits for a place.
const COMMAND_QUEUE: usize = 64;
/// Signals and notices kept for a listener that is behind; it then misses the oldest.
const ANNOUNCEMENT_QUEUE: usize = 256;
/// How long a request may go unanswered on a connection that is otherwise alive.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Proves to the relay who opens a socket.
pub(crate) trait Credentials: Send + Sync + 'static {
    /// The first frame, for the relay's challenge.
    fn authenticate<'a>(&'a self, nonce: &'a [u8]) -> BoxFuture<'a, Result<wire::Authenticate, Error>>;

    /// Gets a new session in the stead of one that ended; `false` where a person has to.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] where the relay gives none.
    fn renew(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(async { Ok(false) })
    }
}

/// What the relay sends to everyone who listens.
#[derive(Clone, Debug)]
pub(crate) enum Announcement {
    /// An ephemeral frame of a member of some space.
    Signal(Arc<wire::SignedSignal>),
    /// A message of the operator.
    Notice(Arc<wire::Notice>),
}

/// A handle on the socket; clones share it. The task ends with the last handle.
#[derive(Clone)]
pub(crate) struct Socket {
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<ConnectionState>,
    announcements: broadcast::Sender<Announcement>,
}

/// What a handle asks of the task.
enum Command {
    Request {
        body: ClientBody,
        answer: oneshot::Sender<Result<RelayBody, Error>>,
    },
    Subscribe {
        from: wire::Subscribe,
        events: Events,
    },
}

impl Socket {
    /// Starts the task that keeps the connection up. `rng` spreads its attempts over time.
    pub(crate) fn start(
        transport: Arc<dyn Transport>,
        credentials: Arc<dyn Credentials>,
        rng: impl Rng + Send + 'static,
    ) -> Self {
        let (commands, queue) = mpsc::channel(COMMAND_QUEUE);
        let (announcements, _) = broadcast::channel(ANNOUNCEMENT_QUEUE);
        let (state_sender, state) = watch::channel(ConnectionState::Connecting { last_error: None });
        let actor = actor::Actor {
            transport,
            credentials,
            backoff: Backoff::new(rng),
            commands: queue,
            state: state_sender,
            announcements: announcements.clone(),
            is_renewed: false,
        };
        tokio::spawn(actor.run());
        Self {
            commands,
            state,
            announcements,
        }
    }

    /// How the connection is doing.
    pub(crate) fn state(&self) -> watch::Receiver<ConnectionState> {
        self.state.clone()
    }

    /// Signals and notices from now on.
    pub(crate) fn announcements(&self) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
    }

    /// Subscribes to a space after a cursor.
    pub(crate) async fn subscribe(&self, from: wire::Subscribe) -> Subscription {
        let (events, subscription) = subscription::subscription();
        let command = Command::Subscribe {
            from,
            events: events.clone(),
        };
        if self.commands.send(command).await.is_err() {
            events.end(self.stopped());
        }
        subscription
    }

    async fn request(&self, body: ClientBody) -> Result<RelayBody, Error> {
        let (answer, answered) = oneshot::channel();
        let command = Command::Request { body, answer };
        self.commands.send(command).await.map_err(|_| self.stopped())?;
        match timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_dropped)) => Err(self.stopped()),
            Err(_elapsed) => Err(Error::network("the relay did not answer in time")),
        }
    }

    fn stopped(&self) -> Error {
        match *self.state.borrow() {
            ConnectionState::Stopped { reason } => Error::NotAuthenticated(reason),
            _ => Error::network("the connection's task has ended"),
        }
    }
}

#[cfg(test)]
mod tests;
