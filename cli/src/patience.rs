//! How long to wait for a relay that is gone.
//!
//! The SDK waits for ever and resumes where it was when the relay is back. A command may have to end.

use std::time::Duration;

use sealpost_sdk::{Client, ConnectionState, Error};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::context::Context;
use crate::failure::Failure;

/// How long one attempt may take even if there is no patience: it has to be made.
const ONE_ATTEMPT: Duration = Duration::from_secs(5);

/// When a missing connection ends the work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// Whenever there is none for too long.
    Always,
    /// Before the first one only.
    First,
}

/// Waits for `work`, but not longer than the user's patience without a connection.
pub(crate) fn wait<T, E: Into<Failure>>(
    client: &Client,
    context: &Context,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Failure>> {
    race(client, context, Limit::Always, work)
}

/// Waits for work that outlasts any outage once there was a connection.
pub(crate) fn wait_for_first<T, E: Into<Failure>>(
    client: &Client,
    context: &Context,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Failure>> {
    race(client, context, Limit::First, work)
}

/// Waits for what needs this home's turn to send into a space, but not longer than the user's patience.
pub(crate) async fn turn<T>(
    context: &Context,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    let patience = context.global().patience_in_spaces();
    match timeout(patience.max(ONE_ATTEMPT), work).await {
        Ok(result) => Ok(result?),
        Err(_elapsed) => Err(Failure::Busy),
    }
}

fn race<T, E: Into<Failure>>(
    client: &Client,
    context: &Context,
    limit: Limit,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, Failure>> {
    let patience = context.global().patience_in_spaces();
    // Boxed here: an async function would carry the work once more for every layer.
    let work = Box::pin(work);
    async move {
        let connection = client.connection()?;
        tokio::select! {
            // What is done counts, even when patience ends at the same moment.
            biased;
            result = work => result.map_err(Into::into),
            error = lost(connection, limit, patience) => Err(error.into()),
        }
    }
}

/// Returns when there was no connection for too long.
async fn lost(mut connection: watch::Receiver<ConnectionState>, limit: Limit, patience: Duration) -> Error {
    loop {
        if !is_up(&mut connection, patience).await {
            return Error::Network(last_error(&connection));
        }
        let down = connection.wait_for(is_connecting).await.is_ok();
        if limit == Limit::First || !down {
            // The work itself says how it ends.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether there is a connection before patience ends, or by the first attempt.
async fn is_up(connection: &mut watch::Receiver<ConnectionState>, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    let tried = timeout(patience.max(ONE_ATTEMPT), connection.wait_for(was_tried));
    if tried.await.is_err() {
        return false;
    }
    let up = connection.wait_for(|state| !is_connecting(state));
    timeout_at(end, up).await.is_ok()
}

fn was_tried(state: &ConnectionState) -> bool {
    !matches!(state, ConnectionState::Connecting { last_error: None })
}

fn is_connecting(state: &ConnectionState) -> bool {
    matches!(state, ConnectionState::Connecting { .. })
}

fn last_error(connection: &watch::Receiver<ConnectionState>) -> String {
    match &*connection.borrow() {
        ConnectionState::Connecting {
            last_error: Some(error),
        } => error.clone(),
        _ => "the relay does not answer".to_owned(),
    }
}
