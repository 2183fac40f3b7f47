//! The bus over Postgres: NOTIFY, outside of every append.
//!
//! A NOTIFY inside the append would take a lock of the whole server at its commit. Here one connection sends what has
//! gathered while its last NOTIFY was in flight, and one listens: a pair for hints and another for parcels, so that
//! signals, however many, never stand before a hint.

mod ear;
mod heads;
mod outbox;
mod parts;
mod payload;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::{ear::Ear, heads::Heads, outbox::Outbox};
use super::ear::{OfHints, OfParcels};
use super::{Bus, BusClosed, Hint, Listener, Parcel, Receiver};

/// The channel of hints that all relays of a database share.
const HEADS: &str = "sealpost_heads";
/// Their channel of parcels.
const PARCELS: &str = "sealpost_parcels";
/// Hints that wait for a slow listener; of more, the oldest are dropped and it hears a gap.
const QUEUED_HINTS: usize = 4096;
/// Parcels that wait for a slow receiver; of more, the oldest are dropped.
const QUEUED_PARCELS: usize = 256;

/// How long to wait for the database. A link can be cut without a word.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// After so long a silence the database is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(30);

/// One relay's end of the bus.
pub struct PostgresBus {
    relay: u64,
    options: PgConnectOptions,
    silence: Duration,
    heads: Arc<Heads>,
    outbox: Arc<Outbox>,
    /// Who sends, ended with the bus.
    _tasks: JoinSet<()>,
}

impl PostgresBus {
    /// Connects to the database at `url`. `relay` is a number that no other relay on it has: draw it at random.
    ///
    /// # Errors
    /// [`BusClosed`] when the URL is not one. A database that does not answer is tried again later.
    pub fn open(url: &str, relay: u64) -> Result<Self, BusClosed> {
        Self::open_with(url, relay, SILENCE)
    }

    /// Asks whether the database is there after another time of silence.
    pub(super) fn open_with(url: &str, relay: u64, silence: Duration) -> Result<Self, BusClosed> {
        let options: PgConnectOptions = url.parse().map_err(|_| BusClosed)?;
        // One connection each to speak; an ear makes its own to listen.
        let pool = || {
            PgPoolOptions::new()
                .max_connections(1)
                .test_before_acquire(false)
                .acquire_timeout(ANSWER_WITHIN)
                .connect_lazy_with(options.clone())
        };
        let (heads, outbox) = (Arc::<Heads>::default(), Arc::<Outbox>::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(heads::announce(relay, pool(), Arc::clone(&heads)));
        tasks.spawn(outbox::send(relay, pool(), Arc::clone(&outbox)));
        Ok(Self {
            relay,
            options,
            silence,
            heads,
            outbox,
            _tasks: tasks,
        })
    }
}

impl PostgresBus {
    fn ear<F: FnMut(Option<&str>) + Send + 'static>(&self, channel: &'static str, hear: F) -> Ear<F> {
        Ear::new(channel, self.options.clone(), self.silence, hear)
    }
}

impl Bus for PostgresBus {
    fn announce(&self, hint: Hint) {
        self.heads.add(hint);
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, BusClosed>> {
        let (sender, receiver) = broadcast::channel(QUEUED_HINTS);
        let relay = self.relay;
        // Nobody listens any more when the listener was dropped; then the ear ends too.
        let hear = move |payload: Option<&str>| {
            heads::hear(relay, payload, |heard| drop(sender.send(heard)));
        };
        async move {
            let tasks = self.ear(HEADS, hear).listen().await;
            Ok(Box::new(OfHints(Ears {
                receiver,
                _tasks: tasks,
            })) as Box<dyn Listener>)
        }
        .boxed()
    }

    fn send(&self, parcel: Parcel) {
        self.outbox.add(parcel);
    }

    fn receive(&self) -> BoxFuture<'_, Result<Box<dyn Receiver>, BusClosed>> {
        let (sender, receiver) = broadcast::channel(QUEUED_PARCELS);
        let mut assembly = parts::Assembly::new(self.relay);
        let hear = move |payload: Option<&str>| {
            let parcels = payload.and_then(|payload| assembly.add(payload));
            parcels
                .into_iter()
                .flatten()
                .for_each(|parcel| drop(sender.send(parcel)));
        };
        async move {
            let tasks = self.ear(PARCELS, hear).listen().await;
            Ok(Box::new(OfParcels(Ears {
                receiver,
                _tasks: tasks,
            })) as Box<dyn Receiver>)
        }
        .boxed()
    }
}

/// Sends notifications, in this order and in one transaction. What cannot be sent is lost: neither a hint nor a signal
/// is worth a retry.
async fn notify(pool: &PgPool, channel: &'static str, payloads: &[String]) {
    if let Err(error) = send(pool, channel, payloads).await {
        warn(&error, channel, "what other relays should hear was lost");
    }
}

/// A link that says nothing is not waited for, neither for the answer nor when the connection goes back to the pool.
async fn send(pool: &PgPool, channel: &'static str, payloads: &[String]) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let notifying = sqlx::query!(
        r#"SELECT pg_notify($1, payload) AS "done: ()" FROM unnest($2::text[]) AS payload"#,
        channel,
        payloads,
    )
    .execute(&mut *connection);
    let Ok(sent) = timeout(ANSWER_WITHIN, notifying).await else {
        connection.close_on_drop();
        return Err(silent());
    };
    // Given up half-way, the connection is closed.
    let _ = timeout(ANSWER_WITHIN, connection.return_to_pool()).await;
    sent.map(drop)
}

/// Waits so long for the database; then the link counts as cut.
async fn answered<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let answer = timeout(ANSWER_WITHIN, work).await;
    answer.unwrap_or_else(|_elapsed| Err(silent()))
}

/// The error of a link that says nothing.
fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::ErrorKind::TimedOut.into())
}

fn warn(error: &sqlx::Error, channel: &'static str, message: &'static str) {
    let cause = error as &dyn std::error::Error;
    tracing::warn!(error = cause, bus.channel = channel, "{message}");
}

struct Ears<T> {
    receiver: broadcast::Receiver<T>,
    /// The ear, ended with this.
    _tasks: JoinSet<()>,
}

impl<T: Clone + Send> super::ear::Ear<T> for Ears<T> {
    async fn hear(&mut self) -> Result<Option<T>, BusClosed> {
        super::ear::receive(&mut self.receiver).await
    }
}
