//! Fetches the key of the newest epoch once its record was read, and not with the first message under it: a relay that was
//! restored has lost the wraps of after its backup, and then somebody has to hold the key.

use std::sync::Arc;

use sealpost_protocol::chain::ControlChain;
use sealpost_protocol::ids::PrincipalId;
use tokio::time::timeout;

use super::core::SpaceCore;
use super::missing::ANSWERED_WITHIN;
use crate::error::Error;

/// Fetches each new key, until the space is closed.
pub(crate) async fn run(core: Arc<SpaceCore>) {
    let closing = core.closing.clone();
    tokio::select! {
        () = closing.cancelled() => {}
        () = hold_each(&core) => {}
    }
}

async fn hold_each(core: &SpaceCore) {
    let mut progress = core.progress();
    while !core.has_stopped() {
        progress.mark_unchanged();
        hold(core).await;
        tokio::select! {
            changed = progress.changed() => if changed.is_err() { return },
            () = core.served_anew.notified() => *core.keys.asked_ahead().await = 0,
        }
    }
}

/// The same at once, for who may be gone before the task has had its turn.
pub(super) async fn hold_now(core: &SpaceCore) {
    if timeout(ANSWERED_WITHIN, hold(core)).await.is_err() {
        tracing::debug!(space.id = %core.space_id, "the relay does not answer where the newest key is");
    }
}

/// What fails is tried again with the next connection, or when the key is needed.
async fn hold(core: &SpaceCore) {
    if let Err(error) = core.fetch_newest_key().await {
        tracing::debug!(space.id = %core.space_id, error = %error, "the newest key was not fetched");
    }
}

/// The newest epoch, if it is of this member's time; else 0.
fn newest_for(chain: &ControlChain, me: &PrincipalId) -> u64 {
    let newest = chain.epoch_number();
    let is_meant = chain
        .member(me)
        .is_some_and(|member| member.first_epoch <= newest);
    if is_meant { newest } else { 0 }
}

impl SpaceCore {
    /// Fetches the key of the newest epoch, once for each in a connection: a relay that hands out what does not open is not asked with
    /// each page.
    async fn fetch_newest_key(&self) -> Result<(), Error> {
        let me = self.me();
        let newest = self.with_fold(|fold| newest_for(fold.chain(), &me)).await?;
        let mut asked = self.keys.asked_ahead().await;
        if *asked >= newest {
            return Ok(());
        }
        let found = self.epoch_key(newest).await.map(drop);
        if !found.as_ref().is_err_and(Error::is_transient) {
            *asked = newest;
        }
        found
    }
}
