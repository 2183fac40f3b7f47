//! Ends the sockets of sessions that ended, here or at another relay process.

use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};

use super::service::Sockets;
use crate::directory::SessionsEnded;

/// Acts on what the directory announces, at once, and every so often on what it knows, because another relay process may
/// have ended a session. Returns when the directory is gone.
pub async fn end_revoked(sockets: Sockets, mut announced: Receiver<SessionsEnded>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = announced.recv() => match ended {
                Ok(SessionsEnded::One(session)) => sockets.end_session(&session),
                Ok(SessionsEnded::AllOf(account)) => sockets.end_account(&account),
                Err(RecvError::Lagged(_)) => sweep(&sockets).await,
                Err(RecvError::Closed) => return,
            },
            _ = ticks.tick() => sweep(&sockets).await,
        }
    }
}

async fn sweep(sockets: &Sockets) {
    if let Err(unavailable) = sockets.sweep().await {
        let code = unavailable.code.as_str();
        tracing::warn!(
            error.code = code,
            "ended sessions were not looked for; next try later"
        );
    }
}
