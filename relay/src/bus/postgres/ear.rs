//! Listens to one channel on a connection of its own, and makes it anew when it is lost.

use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{ANSWER_WITHIN, answered, warn};

/// How long to wait before trying a lost connection again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Passes on what a channel says: each payload, and `None` where some may have been missed.
pub(super) struct Ear<F> {
    channel: &'static str,
    options: PgConnectOptions,
    /// After so long a silence the database is asked whether it is still there: a link can be cut without a word, and who
    /// only listens would never notice.
    silence: Duration,
    hear: F,
}

impl<F: FnMut(Option<&str>) + Send + 'static> Ear<F> {
    pub(super) fn new(channel: &'static str, options: PgConnectOptions, silence: Duration, hear: F) -> Self {
        Self {
            channel,
            options,
            silence,
            hear,
        }
    }

    /// Listening has begun when this returns, or a gap will be heard: nothing is missed unnoticed.
    pub(super) async fn listen(self) -> JoinSet<()> {
        let connected = connect(self.channel, &self.options).await;
        let mut tasks = JoinSet::new();
        tasks.spawn(self.go_on(connected));
        tasks
    }

    async fn go_on(mut self, mut connected: Result<PgListener, sqlx::Error>) {
        loop {
            let lost = match connected {
                Ok(listener) => self.pass_on(listener).await,
                Err(error) => error,
            };
            warn(
                &lost,
                self.channel,
                "the bus lost its connection; what others say is missed until it is back",
            );
            tokio::time::sleep(RECONNECT_AFTER).await;
            connected = connect(self.channel, &self.options).await;
            (self.hear)(None);
        }
    }

    /// Passes on payloads for as long as the connection holds.
    async fn pass_on(&mut self, mut listener: PgListener) -> sqlx::Error {
        loop {
            // Given up half-way, it has taken nothing: what has come is read again.
            match timeout(self.silence, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => (self.hear)(Some(notification.payload())),
                Ok(Ok(None)) => (self.hear)(None),
                Ok(Err(error)) => return error,
                Err(_elapsed) => {
                    if let Err(error) = answered(listener.execute("SELECT 1")).await {
                        return error;
                    }
                }
            }
        }
    }
}

/// Each connection has a pool of its own: a listener that is dropped says good-bye first, and where nobody answers it keeps
/// its place until the kernel gives up.
async fn connect(channel: &'static str, options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(ANSWER_WITHIN)
        .connect_lazy_with(options.clone());
    answered(async {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(channel).await?;
        Ok(listener)
    })
    .await
}
