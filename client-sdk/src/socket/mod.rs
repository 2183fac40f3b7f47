//! The socket: one authenticated connection to the relay, kept up by one task.
//!
//! Requests wait while there is no connection and fail with it; a subscription ends with it. Who asked decides what to do
//! again: the sync engine subscribes anew after its own cursor, the outbox resends its signed bytes.

mod actor;

mod connection;
mod handshake;
mod requests;
mod state;

pub(crate) use requests::refusal;
pub use state::ConnectionState;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::Rng;
use sealpost_protocol::wire;
use sealpost_protocol::wire::client_frame::Body as ClientBody;
use sealpost_protocol::wire::relay_frame::Body as RelayBody;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::backoff::Backoff;
use crate::error::Error;
use crate::transport::Transport;

/// Commands that wait for the connection; who comes later waits for a place.
const COMMAND_QUEUE: usize = 64;
/// Pages that wait for one space's verification. When it is full the socket is not read, so that the relay stops sending.
const PAGE_QUEUE: usize = 4;
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
        events: mpsc::Sender<SubscriptionEvent>,
    },
}

/// What a subscription brings, in order; nothing comes after `Ended`.
#[derive(Debug)]
pub(crate) enum SubscriptionEvent {
    /// It stands; this is the relay's head.
    Started(wire::Subscribed),
    /// The next entries.
    Page(wire::Page),
    /// A member waits for a wrap.
    WrapWanted,
    /// The relay refused or ended it, or the connection is gone.
    Ended(Error),
}

/// Entries of one space from a cursor on. Dropped, it ends.
pub(crate) struct Subscription {
    events: mpsc::Receiver<SubscriptionEvent>,
}

impl Subscription {
    /// What comes next.
    pub(crate) async fn next(&mut self) -> SubscriptionEvent {
        let event = self.events.recv().await;
        event.unwrap_or_else(|| SubscriptionEvent::Ended(Error::network("the subscription ended")))
    }
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
        let (sender, events) = mpsc::channel(PAGE_QUEUE);
        let command = Command::Subscribe {
            from,
            events: sender.clone(),
        };
        if self.commands.send(command).await.is_err() {
            let ended = SubscriptionEvent::Ended(self.stopped());
            sender.try_send(ended).expect("a new queue has room");
        }
        Subscription { events }
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
