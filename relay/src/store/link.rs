//! Connections on loan from the pool: every wait for one, and for an answer on one, has an end.
//!
//! A link to the database can be cut without a word. The pool by itself pings a connection before and after each use, and
//! waits for ever where nobody answers: then the connection keeps its place in the pool.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Connection, Describe, Either, Error, Execute, Executor, PgConnection, Postgres, SqlStr};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// What the answer to a ping may take.
const PING_WITHIN: Duration = Duration::from_secs(2);
/// What it may take until a connection that comes back has ended what was begun on it.
const RETURN_WITHIN: Duration = Duration::from_secs(5);

/// A pool that tries each connection before use, so that nobody hears of a server that was restarted, but not for ever.
pub(super) fn pool_options() -> PgPoolOptions {
    PgPoolOptions::new()
        .test_before_acquire(false)
        .before_acquire(|connection, _| try_out(connection).boxed())
}

/// An error ends the connection, and another one is taken.
async fn try_out(connection: &mut PgConnection) -> Result<bool, Error> {
    answered(PING_WITHIN, connection.ping()).await?;
    Ok(true)
}

/// Waits so long for the database; then the link counts as cut.
pub(super) async fn answered<T>(
    within: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = timeout(within, work).await;
    answer.unwrap_or_else(|_elapsed| Err(silent()))
}

/// The error of a link that says nothing.
pub(super) fn silent() -> Error {
    Error::Io(io::ErrorKind::TimedOut.into())
}

/// Runs single statements, each on a connection of its own.
#[derive(Clone, Copy)]
pub(crate) struct Link<'s> {
    pub(super) pool: &'s PgPool,
    /// What the answer to one statement may take.
    pub(super) answer_within: Duration,
}

impl Link<'_> {
    /// A connection for several statements.
    pub(super) async fn lend(self) -> Result<Lent, Error> {
        Lent::from(self.pool).await
    }

    /// Connections that are open.
    pub(crate) fn size(self) -> u32 {
        self.pool.size()
    }

    /// Those of them that are idle.
    pub(crate) fn idle(self) -> usize {
        self.pool.num_idle()
    }
}

impl fmt::Debug for Link<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Link")
    }
}

impl<'s> Executor<'s> for Link<'_> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        's: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (pool, within) = (self.pool.clone(), self.answer_within);
        let rows = async move {
            let mut lent = Lent::from(&pool).await?;
            // What is asked for is bounded, and all of it is wanted.
            let rows = lent.fetch_many(query).try_collect::<Vec<_>>();
            answered(within, rows).await
        };
        rows.map_ok(|rows| stream::iter(rows).map(Ok))
            .try_flatten_stream()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        's: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (pool, within) = (self.pool.clone(), self.answer_within);
        async move {
            let mut lent = Lent::from(&pool).await?;
            answered(within, lent.fetch_optional(query)).await
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        's: 'e,
    {
        let (pool, within) = (self.pool.clone(), self.answer_within);
        async move {
            let mut lent = Lent::from(&pool).await?;
            answered(within, lent.prepare_with(sql, parameters)).await
        }
        .boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        's: 'e,
    {
        let (pool, within) = (self.pool.clone(), self.answer_within);
        async move {
            let mut lent = Lent::from(&pool).await?;
            answered(within, lent.describe(sql)).await
        }
        .boxed()
    }
}

/// A connection of the pool. Dropped, it goes back once it has ended what was begun on it, or else it is closed.
pub(super) struct Lent {
    /// Some, until it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    /// Whether a transaction is open that must be rolled back.
    pub(super) in_transaction: bool,
}

const HELD: &str = "a connection is given back by the drop alone";

impl Lent {
    async fn from(pool: &PgPool) -> Result<Self, Error> {
        let connection = Some(pool.acquire().await?);
        Ok(Self {
            connection,
            in_transaction: false,
        })
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect(HELD)
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect(HELD)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        // A runtime that ends takes the connections with it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(give_back(connection, self.in_transaction));
        }
    }
}

/// Who is dropped half-way here closes the connection, and its place in the pool is free.
async fn give_back(mut connection: PoolConnection<Postgres>, in_transaction: bool) {
    let rolled_back = async {
        if in_transaction {
            sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
        }
        Ok(())
    };
    match answered(RETURN_WITHIN, rolled_back).await {
        Ok(()) => drop(timeout(RETURN_WITHIN, connection.return_to_pool()).await),
        Err(_) => connection.close_on_drop(),
    }
}
