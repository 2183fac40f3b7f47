//! Wraps that members lack: who has the secret wraps it again for whoever asked. The chain says who may have it.

use std::sync::Arc;
use std::time::Duration;

use rand::{CryptoRng, RngExt};
use sealpost_protocol::chain::ControlChain;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::limits;
use sealpost_protocol::wire::WrapRequest;
use sealpost_protocol::wrap::Recipient;
use tokio::time::{sleep, timeout};

use super::core::SpaceCore;
use super::draft::Staged;
use super::wraps::wrap_for;
use crate::entropy;
use crate::error::Error;

/// How far those who could answer spread: one answer is enough.
const SPREAD: Duration = Duration::from_secs(3);
/// How long somebody who only looks in waits for the sake of others.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Answers, each time that somebody asks and each time that the log is followed anew, until the space is closed.
pub(crate) async fn run(core: Arc<SpaceCore>, rng: impl CryptoRng) {
    let closing = core.closing.clone();
    tokio::select! {
        () = closing.cancelled() => {}
        () = answer_all(&core, rng) => {}
    }
}

async fn answer_all(core: &SpaceCore, mut rng: impl CryptoRng) {
    loop {
        core.wraps_wanted.notified().await;
        sleep(rng.random_range(Duration::ZERO..=SPREAD)).await;
        // Whoever asked is asked about again with the next connection.
        if let Err(error) = answer(core, &mut rng).await {
            tracing::debug!(space.id = %core.space_id, error = %error, "missing wraps were not made");
        }
    }
}

/// Answers at once, for who may be gone before the others have had their turn. What fails is tried by the next one.
pub(super) async fn answer_now(core: &SpaceCore) {
    let mut rng = entropy::system();
    match timeout(ANSWERED_WITHIN, answer(core, &mut rng)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(space.id = %core.space_id, error = %error, "missing wraps were not made")
        }
        Err(_elapsed) => {
            tracing::debug!(space.id = %core.space_id, "the relay does not say who lacks a wrap")
        }
    }
}

async fn answer(core: &SpaceCore, rng: &mut impl CryptoRng) -> Result<(), Error> {
    let asked = core.socket.fetch_wrap_requests(&core.space_id).await?;
    for request in asked.iter().take(limits::MAX_WRAP_REQUESTS) {
        let is_own = request.recipient[..] == core.me().as_bytes()[..];
        // Another device of this account asks, or this one did.
        if is_own && !core.holds_key(request.epoch).await? {
            continue;
        }
        wrap_again(core, request, rng).await?;
    }
    Ok(())
}

async fn wrap_again(core: &SpaceCore, request: &WrapRequest, rng: &mut impl CryptoRng) -> Result<(), Error> {
    let wanted = core.with_fold(|fold| recipient_of(fold.chain(), request)).await?;
    let Some(recipient) = wanted else { return Ok(()) };
    let Some(key) = core.epoch_key(request.epoch).await? else {
        return Ok(());
    };
    // Their HPKE key may be none: nobody can help them then.
    let Ok(wrap) = wrap_for(&key, &recipient, rng) else {
        return Ok(());
    };
    core.stage(&Staged {
        at: *key.at(),
        wraps: vec![wrap],
        of_rekey: false,
    })
    .await
}

/// The member that asks, if it is meant to have that epoch's secret.
fn recipient_of(chain: &ControlChain, request: &WrapRequest) -> Option<Recipient> {
    let id = PrincipalId::try_from(&request.recipient[..]).ok()?;
    let member = chain.member(&id)?;
    let is_meant = (member.first_epoch..=chain.epoch_number()).contains(&request.epoch);
    is_meant.then(|| Recipient::from(&member.manifest))
}

impl SpaceCore {
    /// Asks the members for a wrap of an epoch, if this member is meant to have its secret.
    pub(super) async fn ask_for_wrap(&self, epoch: u64) {
        let me = self.me();
        let is_meant = self.with_fold(|fold| {
            let member = fold.chain().member(&me);
            member.is_some_and(|member| member.first_epoch <= epoch)
        });
        if !is_meant.await.unwrap_or(false) {
            return;
        }
        if let Err(error) = self.socket.ask_for_wrap(&self.space_id, epoch).await {
            tracing::debug!(space.id = %self.space_id, error = %error, "the members were not asked for a key");
        }
    }
}
