//! The sync engine: follows a space's log from the own cursor on, verifies, keeps, and only then lets anybody see.

mod apply;
mod head;
pub(crate) mod verify;

use std::sync::Arc;

use rand::Rng;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::tombstone::check_tombstone;
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
            SubscriptionEvent::Started(subscribed) => {
                core.check_head(&known, &subscribed)?;
                // Somebody may have asked while nobody listened.
                core.wraps_wanted.notify_one();
            }
            SubscriptionEvent::WrapWanted => core.wraps_wanted.notify_one(),
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
    match alarm_of(core, &refusal) {
        Some(alarm) => core.raise(alarm, refusal.to_string().into_bytes()).await,
        None => core.stop(Stop::Refused(Box::new(explain(core, refusal).await))),
    }
}

/// What a refusal to read gives away: the relay cannot show what this device has verified.
fn alarm_of(core: &SpaceCore, refusal: &Refusal) -> Option<Alarm> {
    let what = match refusal.code {
        Some(ErrorCode::EntryDamaged) => "the relay's stored entry was changed",
        Some(ErrorCode::LogMismatch) => "the relay's log does not hold what this device has verified",
        _ => return None,
    };
    let seq = refusal.seq.unwrap_or_else(|| core.progress().borrow().cursor.seq);
    Some(Alarm::at(what, core.space_id, seq, None))
}

/// The refusal of somebody who only asked where the log ends, as that one is told.
pub(crate) async fn refused_head(core: &SpaceCore, refusal: Refusal) -> Error {
    let Some(alarm) = alarm_of(core, &refusal) else {
        return explain(core, refusal).await.into();
    };
    core.raise(alarm.clone(), refusal.to_string().into_bytes()).await;
    alarm.into()
}

/// What a refusal to read means, as far as the verified log tells.
pub(crate) async fn explain(core: &SpaceCore, refusal: Refusal) -> Refusal {
    match refusal.code {
        Some(ErrorCode::NotAMember) => shut_out(core, refusal).await,
        Some(ErrorCode::Tombstoned) => deleted(core, refusal).await,
        _ => refusal,
    }
}

/// The relay does not show a removed member its own removal: the rules let it see nothing from there on.
async fn shut_out(core: &SpaceCore, refusal: Refusal) -> Refusal {
    let me = core.me();
    let knows = core.with_fold(|fold| fold.chain().member(&me).is_some()).await;
    match knows {
        Ok(true) => Refusal {
            message: "this account is no longer a member of the space; what it has read stays on this device"
                .to_owned(),
            ..refusal
        },
        Ok(false) => Refusal::no_longer_a_member(),
        Err(_) => refusal,
    }
}

/// Whether the relay proves that the space was deleted, or only says so.
async fn deleted(core: &SpaceCore, refusal: Refusal) -> Refusal {
    let checked = core
        .with_fold(|fold| match &refusal.tombstone {
            Some(proof) => check_tombstone(proof, fold.chain()).map_err(|error| error.to_string()),
            None => Err("it shows no tombstone".to_owned()),
        })
        .await;
    let lacking = match checked {
        Ok(Ok(())) => return Refusal::tombstoned(),
        Ok(Err(why)) => why,
        Err(_) => "nothing of the space was read before".to_owned(),
    };
    Refusal {
        message: format!(
            "the relay says that the space was deleted and does not prove it ({lacking}); what was read before stays on this \
             device"
        ),
        ..refusal
    }
}
