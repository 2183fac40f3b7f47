//! Heartbeats: devices that follow a space tell each other, sealed, how far the relay has signed its log for them.
//!
//! The relay cannot tell them from other signals. Who was signed another log proves a fork; who was signed more than the relay shows
//! here proves, after a deadline, that it holds something back; and that nobody is heard any more shows by the time of the last one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message as _;
use rand::{Rng, RngExt};
use sealpost_protocol::checkpoint::Checkpoint;
use sealpost_protocol::ids::PrincipalId;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::signal::SignalContent;
use sealpost_protocol::wire::SignedCheckpoint;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::core::SpaceCore;
use super::proof;
use super::signal::{SignalHub, send_content};
use crate::error::{Alarm, Error};
use crate::store::log::Weight;

/// Heartbeats of others within an interval that make the own one needless, so that a crowd does not tell everybody everything.
const ENOUGH: u32 = 2;

/// Heartbeats that have to be missed before it counts as silence.
const MISSED: u32 = 3;

/// Whoever tells more seldom tells as often as this.
const SELDOM: Duration = Duration::from_secs(24 * 60 * 60);

/// The least time in which what another was told has to be served here: lines are slow, and relays hear of each other late.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// When somebody else was heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who it was.
    pub by: PrincipalId,
    /// When, in Unix milliseconds of this device's clock.
    pub at_ms: u64,
}

/// What other members have told of a log.
#[derive(Default)]
pub(crate) struct Heartbeats {
    told: Mutex<Told>,
    last: watch::Sender<Option<Heard>>,
    changed: Notify,
}

#[derive(Default)]
struct Told {
    /// Those heard since the own one was due.
    count: u32,
    /// The first that was not compared with the own log yet. Those that come meanwhile say no more than that there is more.
    open: Option<Claim>,
    /// What is not signed by the key that this device knows was kept as evidence.
    is_noted: bool,
}

/// That the relay has signed a log for somebody.
#[derive(Clone)]
struct Claim {
    by: PrincipalId,
    at: Cursor,
    signed: SignedCheckpoint,
    /// Since when the log here has not moved towards it.
    still_since: Instant,
}

impl Heartbeats {
    /// Who was heard last, and when.
    pub(super) fn heard(&self) -> watch::Receiver<Option<Heard>> {
        self.last.subscribe()
    }

    /// For how long nobody was heard, where somebody was and three heartbeats are missed.
    pub(super) fn silent_for(&self, now_ms: u64, every: Duration) -> Option<Duration> {
        let heard_at = (*self.last.borrow())?.at_ms;
        let silent_for = Duration::from_millis(now_ms.saturating_sub(heard_at));
        (silent_for >= every.saturating_mul(MISSED)).then_some(silent_for)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Option<Claim> {
        self.told().open.clone()
    }

    /// The log has moved, or was not there to move.
    fn restart(&self) {
        if let Some(claim) = &mut self.told().open {
            claim.still_since = Instant::now();
        }
    }

    /// What was told is compared, or there is no subscription any more by which it could come: then a later heartbeat tells it again.
    pub(crate) fn settle(&self) {
        self.told().open = None;
    }
}

/// Tells and compares until the space is closed or stops.
pub(super) async fn run(core: Arc<SpaceCore>, hub: Arc<SignalHub>, rng: impl Rng) {
    let every = core.client.config.heartbeat.min(SELDOM);
    if every.is_zero() {
        return;
    }
    let closing = core.closing.clone();
    tokio::select! {
        () = closing.cancelled() => {}
        () = beat_on(&core, &hub, every, rng) => {}
    }
}

async fn beat_on(core: &SpaceCore, hub: &SignalHub, every: Duration, mut rng: impl Rng) {
    let mut progress = core.progress();
    let mut connection = core.socket.state();
    // Spread, so that those who were connected at once do not all tell the same at once.
    let mut jittered = || Instant::now() + every.mul_f64(rng.random_range(0.5..1.5));
    let mut due = jittered();
    let patience = every.max(SERVED_WITHIN);
    while !core.has_stopped() {
        let claim = core.heartbeats.open().filter(|_| core.life().is_some());
        tokio::select! {
            () = sleep_until(due) => {
                due = jittered();
                if let Err(error) = core.beat(hub).await {
                    tracing::debug!(space.id = %core.space_id, error = %error, "no heartbeat was sent");
                }
            }
            () = passed(claim.as_ref(), patience) => core.is_kept_back(patience).await,
            () = core.heartbeats.changed.notified() => {}
            moved = progress.changed() => match moved {
                Ok(()) => core.heartbeats.restart(),
                Err(_closed) => return,
            },
            changed = connection.changed() => match changed {
                Ok(()) => core.heartbeats.restart(),
                Err(_closed) => return,
            },
        }
        if let Err(error) = core.compare().await {
            tracing::debug!(space.id = %core.space_id, error = %error, "what was heard was not compared");
        }
    }
}

async fn passed(claim: Option<&Claim>, patience: Duration) {
    match claim {
        Some(claim) => sleep_until(claim.still_since + patience).await,
        None => std::future::pending().await,
    }
}

impl SpaceCore {
    /// Takes a heartbeat of a member, which is as genuine as any signal.
    pub(super) async fn hear(&self, by: PrincipalId, signed: SignedCheckpoint) {
        if let Err(error) = self.take_heartbeat(by, signed).await {
            tracing::debug!(space.id = %self.space_id, error = %error, "a heartbeat was not taken");
        }
    }

    async fn take_heartbeat(&self, by: PrincipalId, signed: SignedCheckpoint) -> Result<(), Error> {
        if self.client.config.heartbeat.is_zero() {
            return Ok(());
        }
        let key = self.client.checkpoint_key().await?;
        let Ok(checkpoint) = Checkpoint::verify(&signed, &key) else {
            self.note_foreign(by, &signed).await;
            return Ok(());
        };
        // Of another life of the relay's database, which may have had another log.
        if checkpoint.space_id != self.space_id || self.life() != Some(checkpoint.incarnation) {
            return Ok(());
        }
        let at_ms = self.client.config.clock.unix_ms();
        let mut told = self.heartbeats.told();
        told.count = told.count.saturating_add(1);
        told.open.get_or_insert_with(|| Claim {
            by,
            at: checkpoint.at,
            signed,
            still_since: Instant::now(),
        });
        drop(told);
        self.heartbeats.last.send_replace(Some(Heard { by, at_ms }));
        self.heartbeats.changed.notify_one();
        Ok(())
    }

    /// A member shows something that is not signed by the key that the relay has named to this device: one of the two is deceived, or the
    /// member lies. Kept for people.
    async fn note_foreign(&self, by: PrincipalId, signed: &SignedCheckpoint) {
        let what = format!(
            "the member {by} was shown a checkpoint that is not signed by the key that the relay has named to this device"
        );
        let seq = self.progress().borrow().cursor.seq;
        let alarm = Alarm::at(what, self.space_id, seq, None);
        self.note(&alarm, signed.encode_to_vec()).await;
    }

    /// Keeps what stops nothing; the first time, for it may go on and on.
    async fn note(&self, alarm: &Alarm, bytes: Vec<u8>) {
        if !std::mem::replace(&mut self.heartbeats.told().is_noted, true) {
            tracing::warn!(space.id = %self.space_id, alarm = %alarm, "heartbeats do not hold");
            self.keep_evidence(alarm, bytes, Weight::Passing).await;
        }
    }

    /// Tells the others how far the relay has signed the log for this device, unless enough others have just told.
    async fn beat(&self, hub: &SignalHub) -> Result<(), Error> {
        let heard = std::mem::take(&mut self.heartbeats.told().count);
        if heard >= ENOUGH || self.life().is_none() || self.is_outside().await {
            return Ok(());
        }
        let (signed, checkpoint) = match self.fetch_checkpoint().await {
            Err(Error::Integrity(alarm)) => {
                self.note(&alarm, Vec::new()).await;
                return Ok(());
            }
            fetched => fetched?,
        };
        if checkpoint.at.seq > self.progress().borrow().cursor.seq {
            // Nothing was proven about it here.
            return Ok(());
        }
        let root = self.read(move |log| log.root_at(checkpoint.at.seq)).await?;
        if root.is_some_and(|root| root != checkpoint.at.root) {
            let what = "the relay signs another log than it serves";
            let alarm = Alarm::at(what, self.space_id, checkpoint.at.seq, None);
            self.raise(alarm.clone(), signed.encode_to_vec()).await;
            return Err(alarm.into());
        }
        send_content(self, hub, &SignalContent::Heartbeat(signed)).await
    }

    /// Compares what somebody was shown with the own log, as soon as that reaches so far.
    async fn compare(&self) -> Result<(), Error> {
        let Some(claim) = self.heartbeats.open() else {
            return Ok(());
        };
        let at = claim.at;
        if self.progress().borrow().cursor.seq < at.seq {
            return Ok(());
        }
        let root = self.read(move |log| log.root_at(at.seq)).await?;
        self.heartbeats.settle();
        // A newcomer has no roots of before its time.
        if root.is_none_or(|root| root == at.root) {
            return Ok(());
        }
        let what = format!("the relay has signed another log for the member {}", claim.by);
        let alarm = Alarm::at(what, self.space_id, at.seq, None);
        let proof = proof::of_checkpoint(self, &claim.signed, at.seq).await;
        self.raise_proven(alarm, claim.signed.encode_to_vec(), proof)
            .await;
        Ok(())
    }

    /// The relay had time enough to show what it has signed for somebody else.
    async fn is_kept_back(&self, patience: Duration) {
        let Some(claim) = self.heartbeats.open() else {
            return;
        };
        let seq = self.progress().borrow().cursor.seq;
        let what = format!(
            "the relay has signed the log up to seq {} for the member {}, and has shown this device nothing behind seq {seq} for {} s",
            claim.at.seq,
            claim.by,
            patience.as_secs()
        );
        let alarm = Alarm::at(what, self.space_id, seq, None);
        self.raise(alarm, claim.signed.encode_to_vec()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_after_three_missed_heartbeats_and_only_where_somebody_was_heard() {
        let (heartbeats, every) = (Heartbeats::default(), Duration::from_secs(60));
        assert_eq!(heartbeats.silent_for(u64::MAX, every), None);
        let by = PrincipalId::new([1; 32]);
        heartbeats.last.send_replace(Some(Heard { by, at_ms: 1_000 }));
        assert_eq!(heartbeats.silent_for(180_999, every), None);
        assert_eq!(heartbeats.silent_for(181_000, every), Some(every * 3));
        // A clock that was set back.
        assert_eq!(heartbeats.silent_for(0, every), None);
    }
}
