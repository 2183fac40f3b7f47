//! Listens to one channel on a connection of its own, and makes it anew when it is lost.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool};
use tokio::task::JoinSet;

use super::warn;

/// How long to wait before trying a lost connection again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Passes on what a channel says: each payload, and `None` where some may have been missed.
pub(super) struct Ear<F> {
    channel: &'static str,
    pool: PgPool,
    hear: F,
}

impl<F: FnMut(Option<&str>) + Send + 'static> Ear<F> {
    pub(super) fn new(channel: &'static str, pool: PgPool, hear: F) -> Self {
        Self { channel, pool, hear }
    }

    /// Listening has begun when this returns, or a gap will be heard: nothing is missed unnoticed.
    pub(super) async fn listen(self) -> JoinSet<()> {
        let connected = connect(self.channel, &self.pool).await;
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
            connected = connect(self.channel, &self.pool).await;
            (self.hear)(None);
        }
    }

    /// Passes on payloads for as long as the connection holds.
    async fn pass_on(&mut self, mut listener: PgListener) -> sqlx::Error {
        loop {
            match listener.try_recv().await {
                Ok(Some(notification)) => (self.hear)(Some(notification.payload())),
                Ok(None) => (self.hear)(None),
                Err(error) => return error,
            }
        }
    }
}

async fn connect(channel: &'static str, pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    Ok(listener)
}
