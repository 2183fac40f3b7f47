//! Ends a wait for a new key that whoever caused it does not end: a remover that died in between, somebody who left, a
//! newcomer without history. Any human member who writes may; a random delay lets one be first, and the others notice.

use std::sync::Arc;
use std::time::Duration;

use rand::{CryptoRng, RngExt};
use sealpost_protocol::chain::{Capabilities, ControlChain, Fence};
use sealpost_protocol::ids::{EventId, PrincipalId};
use sealpost_protocol::wire::PrincipalKind;
use tokio::time::sleep;

use super::core::SpaceCore;
use super::members::Unfenced;
use crate::error::Error;

/// Time for whoever caused the wait: the rekey is on its way in the same batch.
const GRACE: Duration = Duration::from_secs(1);
/// How far members spread, at least.
const SPREAD: Duration = Duration::from_secs(4);
/// How much more for each member.
const SPREAD_PER_MEMBER: Duration = Duration::from_millis(10);

/// What the rekeyer waits for.
enum Watch {
    /// Nothing that this member could do anything about.
    Idle,
    /// The space waits since this record.
    Fenced { since: EventId, members: usize },
}

/// Watches the space until its last handle is dropped.
pub(crate) async fn run(core: Arc<SpaceCore>, rng: impl CryptoRng) {
    let closing = core.closing.clone();
    tokio::select! {
        () = closing.cancelled() => {}
        () = watch(&core, rng) => {}
    }
}

async fn watch(core: &SpaceCore, mut rng: impl CryptoRng) {
    let mut progress = core.progress();
    loop {
        progress.mark_unchanged();
        if core.has_stopped() {
            return;
        }
        match look(core).await {
            Ok(Watch::Fenced { since, members }) => wait_and_rekey(core, since, members, &mut rng).await,
            Ok(Watch::Idle) | Err(_) => {
                if progress.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Waits for its turn, and rekeys if the space still waits for the same reason.
async fn wait_and_rekey(core: &SpaceCore, since: EventId, members: usize, rng: &mut impl CryptoRng) {
    let members = u32::try_from(members).unwrap_or(u32::MAX);
    let spread = SPREAD + SPREAD_PER_MEMBER.saturating_mul(members);
    sleep(GRACE + rng.random_range(Duration::ZERO..=spread)).await;
    // Another process of this home may have done it meanwhile.
    let is_current = core.refresh().await.is_ok();
    let still = matches!(look(core).await, Ok(Watch::Fenced { since: now, .. }) if now == since);
    if !is_current || !still {
        return;
    }
    match core.achieve(&Unfenced, rng).await {
        Ok(()) => tracing::info!(space.id = %core.space_id, "the space has the key that it waited for"),
        // It is looked at again: whoever else is there may have been luckier.
        Err(error) => {
            tracing::warn!(space.id = %core.space_id, error = %error, "the space still waits for a key")
        }
    }
}

/// Looks at the view, which is as far as the progress that was told: the store is not asked with each page.
async fn look(core: &SpaceCore) -> Result<Watch, Error> {
    let me = core.me();
    core.with_fold(|fold| look_at(fold.chain(), &me)).await
}

fn look_at(chain: &ControlChain, me: &PrincipalId) -> Watch {
    // Who makes a space gives it its first key.
    let waits = matches!(chain.fence(), Fence::Newcomer | Fence::Departure) && !chain.is_tombstoned();
    let may = chain.member(me).is_some_and(|member| {
        member.manifest.kind() == PrincipalKind::Human
            && (member.may(Capabilities::WRITE) || member.may(Capabilities::MANAGE))
    });
    if !waits || !may {
        return Watch::Idle;
    }
    Watch::Fenced {
        since: chain.head(),
        members: chain.members().len(),
    }
}
