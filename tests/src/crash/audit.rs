//! A reader with a device that knows nothing: it verifies a space from its first record on.

use std::{path::PathBuf, sync::Mutex, time::Duration};

use futures_util::StreamExt;
use sealpost_sdk::{
    Client, ClientConfig, Delivered, Error, Position,
    protocol::{
        ids::{Root, SpaceId},
        root::Cursor,
    },
    space::Messages,
};
use tokio::time::{Instant, sleep, timeout};

use super::crowd::passphrase;
use crate::ledger::{Ledger, Stand, Sums};

/// For how long the relay may ask a client to come back later.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a client waits before it does.
const PAUSE: Duration = Duration::from_millis(200);

/// Somebody's new device.
pub(crate) struct Auditor {
    client: Client,
    home: PathBuf,
}

/// What an audit found.
pub(crate) struct Found {
    pub(crate) sums: Sums,
    /// Up to where the log was read.
    pub(super) cursor: Cursor,
    /// Whether the relay first said that the log ends before something that another relay had acked.
    pub(super) behind: bool,
    pub(super) delivered: Vec<(String, Stand)>,
}

impl Auditor {
    pub(crate) async fn log_in(config: &ClientConfig, handle: &str) -> Result<Self, String> {
        let passphrase = passphrase();
        let client = patiently(async || Client::login(config.clone(), handle, &passphrase).await).await?;
        Ok(Self {
            client,
            home: config.home.clone(),
        })
    }

    /// Reads all there is now, and holds the acks that `ledger` has before against it; `pinned` is a place that an earlier
    /// auditor computed the root of.
    pub(crate) async fn audit(
        &self,
        id: SpaceId,
        ledger: &Mutex<Ledger>,
        pinned: Option<Cursor>,
    ) -> Result<Found, String> {
        let before = ledger.lock().unwrap().clone();
        let space = patiently(async || self.client.space(id).await).await?;
        let cursor = patiently(async || space.sync().await).await?;
        // A relay hears of another's appends by a hint, or within seconds by itself: what was acked must come, not at once.
        let known = before.last_place().max(pinned.map_or(0, |pinned| pinned.seq));
        let until = cursor.seq.max(known);
        let mut delivered = Vec::new();
        let mut messages = space.read(Position::START, until);
        while let Some(message) = next(&mut messages).await? {
            let message = message.map_err(text)?;
            let stand = Stand {
                seq: message.seq,
                index: message.index.into(),
                event_id: message.event_id.to_string(),
            };
            delivered.push((String::from_utf8_lossy(&message.body).into_owned(), stand));
        }
        if let Some(pinned) = pinned {
            let root: Option<Root> = space.root_at(pinned.seq).await.map_err(text)?;
            if root != Some(pinned.root) {
                return Err(format!("space {id} has another root at seq {}", pinned.seq));
            }
        }
        Ok(Found {
            sums: before.with_feeds_of(&ledger.lock().unwrap()).audit(&delivered)?,
            cursor: space.verified(),
            behind: cursor.seq < until,
            delivered,
        })
    }

    /// Ends the session and takes the device away.
    pub(crate) async fn leave(self) -> Result<(), String> {
        // A session that could not be ended is one more in a list.
        let _ = self.client.logout().await;
        std::fs::remove_dir_all(self.home).map_err(|error| error.to_string())
    }
}

/// As a person would: a relay whose database died or fell silent may say so to anybody, and asks to come back.
async fn patiently<T>(mut ask: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(error) if error.is_transient() && begun.elapsed() < PATIENCE => sleep(PAUSE).await,
            answer => return answer.map_err(text),
        }
    }
}

async fn next(messages: &mut Messages) -> Result<Option<Result<Delivered, Error>>, String> {
    let next = timeout(PATIENCE, messages.next()).await;
    next.map_err(|_| "the auditor: what was acked does not come".to_owned())
}

fn text(error: Error) -> String {
    format!("the auditor: {error}")
}
