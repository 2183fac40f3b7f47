//! The sync engine: follows a space's log from the own cursor on, verifies, keeps, and only then lets anybody see.

mod apply;
mod head;
pub(crate) mod verify;

use std::sync::Arc;

use rand::Rng;
use sealpost_protocol::code::ErrorCode;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::error::{Alarm, Error, Refusal};
use crate::socket::SubscriptionEvent;
use crate::space::core::SpaceCore;
use crate::space::stop::Stop;
use apply::Applied;
pub(crate) use apply::broken_ack_alarm;

/// Follows the log until the space stops or its last handle is dropped.
pub(crate) async fn follow(core: Arc<SpaceCore>, rng: impl Rng) {
    let closing = core.closing.clone();
    tokio::select! {
        () = closing.cancelled() => {}
        () = follow_on(&core, rng) => {}
    }
}

async fn follow_on(core: &SpaceCore, rng: impl Rng) {
    let mut backoff = Backoff::new(rng);
    while !core.has_stopped() {
        match follow_once(core, &mut backoff).await {
            // Another process moved the store: go on from there.
            Ok(()) => {}
            // The socket waits for the next connection by itself.
            Err(Error::Network(_)) => {}
            Err(Error::Refused(refusal)) if may_pass(&refusal) => {
                sleep(backoff.next_delay(refusal.retry_after)).await;
            }
            Err(Error::Refused(refusal)) => return refused(core, *refusal).await,
            // Whoever noticed it has kept the evidence.
            Err(Error::Integrity(alarm)) => return core.raise(*alarm, Vec::new()).await,
            Err(error) => return core.stop(Stop::from_error(error)),
        }
    }
}

/// One subscription from beginning to end.
async fn follow_once(core: &SpaceCore, backoff: &mut Backoff<impl Rng>) -> Result<(), Error> {
    let known = core.known().await?;
    let mut subscription = core.subscribe(&known.cursor).await;
    let mut served = known.cursor.seq;
    loop {
        match subscription.next().await {
            SubscriptionEvent::Started(subscribed) => core.check_head(&known, &subscribed)?,
            SubscriptionEvent::Page(page) => {
                let last = served + page.entries.len() as u64;
                match core.apply(page, served).await? {
                    Applied::Kept(_) => backoff.reset(),
                    Applied::Moved => return Ok(()),
                }
                served = last;
            }
            SubscriptionEvent::Ended(error) => return Err(error),
        }
    }
}

/// A code this program does not know is treated by its transport: later, perhaps.
fn may_pass(refusal: &Refusal) -> bool {
    refusal.code.is_none_or(ErrorCode::is_transient)
}

async fn refused(core: &SpaceCore, refusal: Refusal) {
    let what = match refusal.code {
        Some(ErrorCode::EntryDamaged) => "the relay's stored entry was changed",
        Some(ErrorCode::LogMismatch) => "the relay's log does not hold what this device has verified",
        _ => return core.stop(Stop::Refused(refusal)),
    };
    let seq = match refusal.seq {
        Some(seq) => seq,
        None => core.progress().borrow().cursor.seq,
    };
    let alarm = Alarm::at(what, core.space_id, seq, None);
    core.raise(alarm, refusal.to_string().into_bytes()).await;
}
