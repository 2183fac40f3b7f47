//! The sync engine: follows a space's log from the own cursor on, verifies, keeps, and only then lets anybody see.

mod apply;
mod gather;
mod head;
mod heal;
pub(crate) mod verify;

use std::sync::Arc;

use rand::Rng;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::tombstone::check_tombstone;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::error::{Alarm, Error, Refusal};
use crate::socket::{Subscription, SubscriptionEvent};
use crate::space::core::{MOVES_WITHIN, SpaceCore};
use crate::space::stop::Stop;
use crate::store::log::Weight;
use apply::Applied;
pub(crate) use apply::broken_ack_alarm;
use gather::gather;

/// Subscriptions in a row that may bring nothing to somebody who is no member as far as the log was read.
const MOST_FRUITLESS: u32 = 8;

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
    let mut fruitless = 0;
    while !core.has_stopped() {
        core.heartbeats.settle();
        match follow_and_heal(core, &mut backoff, &mut fruitless).await {
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

/// One subscription; a restored relay is given what it lacks.
async fn follow_and_heal(
    core: &SpaceCore,
    backoff: &mut Backoff<impl Rng>,
    fruitless: &mut u32,
) -> Result<(), Error> {
    let served = core.served_by().await?;
    let mut began = false;
    match follow_once(core, backoff, fruitless, &mut began).await {
        Err(Error::Refused(refusal)) if !began => match core.heal_after(&refusal, served).await? {
            true => Ok(()),
            false => Err(Error::Refused(refusal)),
        },
        outcome => outcome,
    }
}

/// One subscription from beginning to end. `fruitless` counts those that brought nothing to somebody who is no member as far as the
/// log was read; `began` is set once the relay's head holds against what was known.
async fn follow_once(
    core: &SpaceCore,
    backoff: &mut Backoff<impl Rng>,
    fruitless: &mut u32,
    began: &mut bool,
) -> Result<(), Error> {
    let known = core.known().await?;
    let mut subscription = core.subscribe(&known.cursor).await;
    let mut served = known.cursor.seq;
    let mut head = None;
    // What the relay has stated of a place that is still to come.
    let mut stated = None;
    loop {
        let event = match head {
            Some(_) if core.is_outside().await => next_in_time(&mut subscription).await?,
            _ => subscription.next().await,
        };
        match event {
            SubscriptionEvent::Started(subscribed) => {
                core.check_head(&known, &subscribed).await?;
                *began = true;
                head = Some(subscribed.head_seq);
                stated = (subscribed.head_seq > served).then_some(subscribed);
                if head == Some(served) && core.is_outside().await {
                    return Err(Refusal::no_longer_a_member().into());
                }
                core.served_anew.notify_one();
                // Somebody may have asked while nobody listened.
                core.wraps_wanted.notify_one();
            }
            SubscriptionEvent::WrapWanted => core.wraps_wanted.notify_one(),
            SubscriptionEvent::Page(page) => {
                let pages = gather(page, &mut subscription);
                let last = served + pages.iter().map(|page| page.entries.len() as u64).sum::<u64>();
                match core.apply(pages, served).await? {
                    Applied::Kept(_) => {
                        backoff.reset();
                        *fruitless = 0;
                    }
                    Applied::Moved | Applied::Alarmed(_) => return Ok(()),
                }
                served = last;
                if let Some(reached) = stated.take_if(|stated| stated.head_seq <= served) {
                    core.check_stated(&reached).await?;
                }
                if Some(served) >= head && core.is_outside().await {
                    // Asked anew, the relay says where its log ends now: there is more, or that was the end of the membership.
                    return Ok(());
                }
            }
            SubscriptionEvent::Ended(error) if head.is_some() && core.is_outside().await => {
                *fruitless += 1;
                return Err(if *fruitless < MOST_FRUITLESS {
                    error
                } else {
                    kept_back()
                });
            }
            SubscriptionEvent::Ended(error) => return Err(error),
        }
    }
}

/// What comes next for somebody who is no member as far as the log was read. A head that is stated and never served does not
/// keep a removal from being told.
async fn next_in_time(subscription: &mut Subscription) -> Result<SubscriptionEvent, Error> {
    let next = timeout(MOVES_WITHIN, subscription.next()).await;
    next.map_err(|_elapsed| kept_back())
}

fn kept_back() -> Error {
    let what = "as far as the relay shows the space's log, this account is no member; it says that there is more and does not \
                send it";
    Refusal::by_the_rules(ErrorCode::NotAMember, what).into()
}

/// A code this program does not know is treated by its transport: later, perhaps.
fn may_pass(refusal: &Refusal) -> bool {
    refusal.code.is_none_or(ErrorCode::is_transient)
}

async fn refused(core: &SpaceCore, refusal: Refusal) {
    match alarm_of(core, &refusal) {
        Some(alarm) => raise_of(core, alarm, &refusal).await,
        None => core.stop(Stop::Refused(Box::new(explain(core, refusal).await))),
    }
}

/// What a refusal to read gives away: the relay cannot show what this device has verified.
fn alarm_of(core: &SpaceCore, refusal: &Refusal) -> Option<Alarm> {
    let what = match refusal.code {
        Some(ErrorCode::EntryDamaged) => "the relay's stored entry was changed",
        // What this device has found by itself.
        Some(ErrorCode::LogMismatch) if refusal.by_the_rules => refusal.message.as_str(),
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
    raise_of(core, alarm.clone(), &refusal).await;
    alarm.into()
}

/// A damage that the relay itself reports is the operator's to mend, and the space goes on when that is done; anything else is a person's
/// to judge.
async fn raise_of(core: &SpaceCore, alarm: Alarm, refusal: &Refusal) {
    let said = refusal.to_string().into_bytes();
    if refusal.code != Some(ErrorCode::EntryDamaged) {
        return core.raise(alarm, said).await;
    }
    core.keep_evidence(&alarm, said, Weight::Stopping).await;
    core.stop(Stop::Alarm(alarm));
}

/// What a refusal to read means, as far as the verified log tells.
pub(crate) async fn explain(core: &SpaceCore, refusal: Refusal) -> Refusal {
    let explained = match refusal.code {
        Some(ErrorCode::NotAMember) => shut_out(core, refusal).await,
        Some(ErrorCode::Tombstoned) => deleted(core, refusal).await,
        _ => refusal,
    };
    core.note_refusal(&explained).await;
    explained
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
