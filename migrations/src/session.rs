//! A connection that holds the migration lock for as long as it lives.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::{Error, target::Target, tls};

/// How long [`crate::run`] waits for the migration lock, and for any lock that a migration needs.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Names the lock among all advisory locks of the database (`pg_locks` shows who holds it): the first eight bytes of
/// SHA-256("sealpost/v1/migrations").
pub const LOCK_KEY: i64 = 0x41fc_149f_01f0_2552;

/// A connection with the lock. Dropping it closes the connection, and so gives up the lock.
pub(crate) struct Session {
    client: Client,
    connection: JoinHandle<()>,
}

impl Session {
    /// Connects and takes the lock.
    pub(crate) async fn open(database_url: &str, lock_timeout: Duration) -> Result<Self, Error> {
        let target = Target::parse(database_url)?;
        let connector = tls::connector(&target.tls)?;
        let (client, connection) = target.config.connect(connector).await.map_err(Error::Connect)?;
        // An error here shows at the next statement.
        let connection = tokio::spawn(async move { drop(connection.await) });
        let session = Self { client, connection };
        session.lock(lock_timeout).await?;
        Ok(session)
    }

    /// The connection, for statements and for the migration tool.
    pub(crate) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    async fn lock(&self, timeout: Duration) -> Result<(), Error> {
        let timeout = format!("SET lock_timeout = {}", timeout.as_millis());
        self.client.batch_execute(&timeout).await?;
        self.client
            .execute("SELECT pg_advisory_lock($1)", &[&LOCK_KEY])
            .await?;
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
