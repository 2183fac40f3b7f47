//! The bus over Postgres: NOTIFY, outside of every append.
//!
//! A NOTIFY inside the append would take a lock of the whole server at its commit. Here one connection sends what has
//! gathered while its last NOTIFY was in flight, and one listens.

mod payload;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sealpost_protocol::ids::SpaceId;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::{Notify, broadcast, broadcast::error::RecvError};
use tokio::task::JoinSet;

use super::{Bus, BusClosed, Heard, Hint, Listener};

/// The channel that all relays of a database share.
const CHANNEL: &str = "sealpost_heads";
/// Hints that wait for a slow listener; of more, the oldest are dropped and it hears a gap.
const QUEUED_HINTS: usize = 4096;
/// How long to wait before trying a lost connection again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// One relay's end of the bus.
pub struct PostgresBus {
    relay: u64,
    pool: PgPool,
    pending: Arc<Pending>,
    /// The announcer, ended with the bus.
    _tasks: JoinSet<()>,
}

/// What is to be announced: the newest head of each space.
#[derive(Default)]
struct Pending {
    heads: Mutex<HashMap<SpaceId, u64>>,
    filled: Notify,
}

impl PostgresBus {
    /// Connects to the database at `url`. `relay` is a number that no other relay on it has: draw it at random.
    ///
    /// # Errors
    /// [`BusClosed`] when the URL is not one. A database that does not answer is tried again later.
    pub fn open(url: &str, relay: u64) -> Result<Self, BusClosed> {
        let options = url.parse().map_err(|_| BusClosed)?;
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
        let pending = Arc::new(Pending::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(announce(relay, pool.clone(), Arc::clone(&pending)));
        Ok(Self {
            relay,
            pool,
            pending,
            _tasks: tasks,
        })
    }
}

impl Bus for PostgresBus {
    fn announce(&self, hint: Hint) {
        self.pending.add(hint);
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, BusClosed>> {
        async move {
            let (sender, receiver) = broadcast::channel(QUEUED_HINTS);
            // Listening has begun, or the listener hears a gap, before the first answer: nothing is missed unnoticed.
            let ear = Ear {
                relay: self.relay,
                pool: self.pool.clone(),
                sender,
            };
            let connected = ear.connect().await;
            let mut tasks = JoinSet::new();
            tasks.spawn(ear.listen(connected));
            let listener = PostgresListener {
                receiver,
                _tasks: tasks,
            };
            Ok(Box::new(listener) as Box<dyn Listener>)
        }
        .boxed()
    }
}

impl Pending {
    fn add(&self, hint: Hint) {
        let mut heads = self
            .heads
            .lock()
            .expect("no code panics while it holds this lock");
        let head = heads.entry(hint.space_id).or_default();
        *head = hint.head.max(*head);
        self.filled.notify_one();
    }

    async fn take(&self) -> HashMap<SpaceId, u64> {
        self.filled.notified().await;
        let mut heads = self
            .heads
            .lock()
            .expect("no code panics while it holds this lock");
        std::mem::take(&mut heads)
    }
}

/// Sends what has gathered, again and again. What cannot be sent is lost: a hint is not worth a retry.
async fn announce(relay: u64, pool: PgPool, pending: Arc<Pending>) {
    loop {
        let payloads = payload::encode(relay, pending.take().await);
        let sent = sqlx::query!(
            r#"SELECT pg_notify($1, payload) AS "done: ()" FROM unnest($2::text[]) AS payload"#,
            CHANNEL,
            &payloads,
        )
        .execute(&pool)
        .await;
        if let Err(error) = sent {
            warn(&error, "hints to other relays were lost");
        }
    }
}

/// Listens on a connection of its own and passes on what it hears.
struct Ear {
    relay: u64,
    pool: PgPool,
    sender: broadcast::Sender<Heard>,
}

impl Ear {
    async fn connect(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    async fn listen(self, mut connected: Result<PgListener, sqlx::Error>) {
        loop {
            let lost = match connected {
                Ok(listener) => self.hear(listener).await,
                Err(error) => error,
            };
            warn(
                &lost,
                "the bus lost its connection; hints may be missed until it is back",
            );
            tokio::time::sleep(RECONNECT_AFTER).await;
            connected = self.connect().await;
            self.say(Heard::Gap);
        }
    }

    /// Passes on hints for as long as the connection holds.
    async fn hear(&self, mut listener: PgListener) -> sqlx::Error {
        loop {
            match listener.try_recv().await {
                Ok(Some(notification)) => self.pass_on(notification.payload()),
                Ok(None) => self.say(Heard::Gap),
                Err(error) => return error,
            }
        }
    }

    fn pass_on(&self, text: &str) {
        match payload::decode(text) {
            Some((relay, _)) if relay == self.relay => {}
            Some((_, hints)) => hints.into_iter().for_each(|hint| self.say(Heard::Hint(hint))),
            None => self.say(Heard::Gap),
        }
    }

    /// Nobody listens any more when the listener was dropped; then this task ends too.
    fn say(&self, heard: Heard) {
        let _ = self.sender.send(heard);
    }
}

fn warn(error: &sqlx::Error, message: &'static str) {
    let cause = error as &dyn std::error::Error;
    tracing::warn!(error = cause, "{message}");
}

struct PostgresListener {
    receiver: broadcast::Receiver<Heard>,
    /// The ear, ended with the listener.
    _tasks: JoinSet<()>,
}

impl Listener for PostgresListener {
    fn next(&mut self) -> BoxFuture<'_, Result<Heard, BusClosed>> {
        async move {
            match self.receiver.recv().await {
                Ok(heard) => Ok(heard),
                Err(RecvError::Lagged(_)) => Ok(Heard::Gap),
                Err(RecvError::Closed) => Err(BusClosed),
            }
        }
        .boxed()
    }
}
