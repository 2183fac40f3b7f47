//! The task that keeps the connection up.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep};

use super::connection::{Connection, Ended};
use super::handshake::{Failure, again, authenticate};
use super::{Announcement, Command, ConnectionState, Credentials};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::transport::{Transport, TransportError};

/// A connection that lived this long was a success: the next attempt starts from the shortest delay.
const STABLE_AFTER: Duration = Duration::from_secs(10);

pub(super) struct Actor<R> {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) backoff: Backoff<R>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) state: watch::Sender<ConnectionState>,
    pub(super) announcements: broadcast::Sender<Announcement>,
    /// Whether the session is one that no handshake has proven yet. A relay that gives sessions and takes none of them would be
    /// asked for ever.
    pub(super) is_renewed: bool,
}

impl<R: Rng> Actor<R> {
    /// Connects, serves and connects again, until the last handle is gone or the relay ends the session.
    pub(super) async fn run(mut self) {
        while let Some(failure) = self.serve_once().await {
            let (error, hint) = match failure {
                Failure::Again { error, hint } => (error, hint),
                Failure::Final { reason } => match self.renew(reason).await {
                    Ok(error) => (error, None),
                    Err(reason) => return self.stop(reason),
                },
            };
            if self.wait(&error, hint).await.is_none() {
                return;
            }
        }
    }

    /// One connection from beginning to end; `None` once nobody holds a handle.
    async fn serve_once(&mut self) -> Option<Failure> {
        let mut connection = match self.connect().await {
            Ok(connection) => connection,
            Err(failure) => {
                self.fail_waiting(&failure);
                return Some(failure);
            }
        };
        let begun = Instant::now();
        let ended = connection.serve(&mut self.commands, &self.announcements).await;
        if begun.elapsed() >= STABLE_AFTER {
            self.backoff.reset();
        } else if connection.was_of_use() && !connection.was_sent_away() {
            self.backoff.forgive();
        }
        match ended {
            Ended::NoHandles => None,
            Ended::Failed(failure) => Some(failure),
        }
    }

    async fn connect(&mut self) -> Result<Connection, Failure> {
        let mut link = self
            .transport
            .connect()
            .await
            .map_err(|error| unreachable_relay(&error))?;
        let accepted = authenticate(&mut link, &*self.credentials).await?;
        self.is_renewed = false;
        self.state.send_replace(ConnectionState::Connected {
            incarnation: accepted.incarnation,
        });
        Ok(Connection::new(link, accepted.ping_interval))
    }

    /// What to do about a session that ended: try again, since there is a new one or may be one later; or stop, and why.
    async fn renew(&mut self, reason: &'static str) -> Result<Error, &'static str> {
        if self.is_renewed {
            return Err(reason);
        }
        match self.credentials.renew().await {
            Ok(true) => {
                self.is_renewed = true;
                Ok(Error::network(reason))
            }
            Ok(false) => Err(reason),
            Err(Error::NotAuthenticated(reason)) => Err(reason),
            Err(error) => Ok(error),
        }
    }

    /// Waits for the next attempt; `None` once nobody holds a handle.
    async fn wait(&mut self, error: &Error, hint: Option<Duration>) -> Option<()> {
        tracing::debug!(error = %error, "no connection to the relay");
        self.state.send_replace(ConnectionState::Connecting {
            last_error: Some(error.to_string()),
        });
        if self.commands.is_closed() {
            return None;
        }
        sleep(self.backoff.next_delay(hint)).await;
        Some(())
    }

    /// What waits for a connection learns that there is none; it decides by itself whether to wait for the next attempt.
    fn fail_waiting(&mut self, failure: &Failure) {
        while let Ok(command) = self.commands.try_recv() {
            command.fail(failure.to_error());
        }
    }

    fn stop(mut self, reason: &'static str) {
        self.state.send_replace(ConnectionState::Stopped { reason });
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            command.fail(Error::NotAuthenticated(reason));
        }
    }
}

impl Command {
    /// Tells whoever asked that it will not be done.
    pub(super) fn fail(self, error: Error) {
        match self {
            // Whoever asked may have gone away.
            Self::Request { answer, .. } => drop(answer.send(Err(error))),
            Self::Subscribe { events, .. } => events.end(error),
        }
    }
}

fn unreachable_relay(error: &TransportError) -> Failure {
    again(Error::network(error))
}
