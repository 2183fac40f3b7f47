//! What became of signed events without an ack: found in the verified log, still to be sent, or to be sealed again.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;
use sealpost_protocol::event::ParsedEvent;
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::{EventId, PrincipalId, WriterId};

use super::Outbox;
use super::failure::Failure;
use super::seal::{Chain, check_rights, is_current, nothing_read};
use crate::content::{Content, open_content};
use crate::entropy;
use crate::epoch::EpochKey;
use crate::error::{Error, StoreError};
use crate::identity::Identity;
use crate::space::core::SpaceCore;
use crate::space::stop::Stop;
use crate::store::log::SpaceLog;
use crate::store::outbox::{OutboxEvent, OutboxRow};

/// An event of the own outbox that stands in the verified log.
struct Found {
    number: i64,
    event_id: EventId,
    seq: u64,
}

/// The keys of the epochs under which rows were sealed.
pub(super) type Keys = BTreeMap<u64, Arc<EpochKey>>;

impl<R: Rng> Outbox<R> {
    /// Holds the outbox against the verified log; returns what is to be sent, oldest first, ready to go. `None` where it was signed
    /// in a membership that has ended, and nobody has asked for it to be sent in the new one.
    pub(super) async fn resolve(&mut self) -> Result<Option<Vec<OutboxRow>>, Failure> {
        loop {
            let rows = self.find_delivered().await?;
            self.wait_for_epoch().await?;
            if rows.is_empty() {
                return Ok(Some(rows));
            }
            if !self.is_asked()
                && self
                    .core
                    .with_fold(of_ended_membership(&rows, self.core.me()))
                    .await?
            {
                return Ok(None);
            }
            let current = self.core.current_key().await?;
            if any_foreign(&rows, self.core.me())? {
                // Signed before the owner started over with other keys: its writer chain is another principal's.
                let writer_id = WriterId::new(entropy::draw(&mut entropy::system()));
                self.seal_again(rows, current, Some(writer_id)).await?;
                continue;
            }
            if rows.iter().all(|row| row.event.epoch == current.at().epoch) {
                return Ok(Some(rows));
            }
            self.seal_again(rows, current, None).await?;
        }
    }

    /// Whether somebody in this process wants something sent: what was left behind goes before it.
    fn is_asked(&self) -> bool {
        !(self.gathered.is_empty() && self.flushing.is_empty() && self.waiting.is_empty())
    }

    /// Counts the own events in the log as acked; the others are left.
    async fn find_delivered(&mut self) -> Result<Vec<OutboxRow>, Failure> {
        let _settling = Arc::clone(&self.settling).lock_owned().await;
        let (found, left) = self
            .core
            .write(move |log, view| {
                view.refresh(log)?;
                let (mut found, mut left) = (Vec::new(), Vec::new());
                for row in log.unacked()? {
                    match delivered(log, &row.event)? {
                        Some(seq) => {
                            log.remove_event(row.number)?;
                            let event_id = row.event.event_id;
                            found.push(Found {
                                number: row.number,
                                event_id,
                                seq,
                            });
                        }
                        None => left.push(row),
                    }
                }
                Ok((found, left))
            })
            .await?;
        for Found {
            number,
            event_id,
            seq,
        } in found
        {
            self.tell(number, event_id, seq);
        }
        Ok(left)
    }

    /// Waits until content may be written: a removal stands before its rekey, or the space was just made.
    async fn wait_for_epoch(&mut self) -> Result<(), Failure> {
        let mut progress = self.core.progress();
        loop {
            progress.mark_unchanged();
            self.core.refresh().await?;
            match self
                .core
                .with_fold(|fold| is_open(fold, &self.core.client.identity))
                .await
            {
                Ok(Ok(true)) => return Ok(()),
                Ok(Ok(false)) => {}
                Ok(Err(never)) => return Err(never.into()),
                // Nothing was read yet.
                Err(Error::Usage(_)) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(stop) = &progress.borrow().stopped {
                return Err(Failure::Stopped(stop.clone()));
            }
            progress.changed().await.expect("the core holds the sender");
        }
    }

    /// Seals rows again under `key`, in order, at the same indexes; or from index 1 of a new writer. Does nothing if the log
    /// has moved on meanwhile, so that a row may be in it by now, or that the membership has ended in which nobody but an earlier
    /// process wanted it said: the caller looks again.
    pub(super) async fn seal_again(
        &mut self,
        rows: Vec<OutboxRow>,
        key: Arc<EpochKey>,
        new_writer: Option<WriterId>,
    ) -> Result<(), Failure> {
        let keys = self.keys_of(&rows).await?;
        let (core, lock) = (Arc::clone(&self.core), self.lock.clone());
        let asked = self.is_asked();
        let ended = of_ended_membership(&rows, self.core.me());
        self.core
            .write(move |log, view| {
                let _held = lock;
                view.refresh(log)?;
                let fold = view.fold.as_ref().ok_or_else(nothing_read)?;
                let wanted = asked || !ended(fold);
                // An event that was sealed again although it stands in the log would be said twice.
                if wanted && is_current(fold, &key) && !any_delivered(log, &rows)? {
                    replace_all(&core, log, fold, &rows, &keys, &key, new_writer)?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// Whether the verified log holds a rekey behind what was sealed last, or waits for one.
    pub(super) async fn is_overtaken(&mut self) -> Result<bool, Error> {
        let current = self.core.with_fold(|fold| {
            let chain = fold.chain();
            (!chain.waits_for_rekey()).then(|| chain.epoch_number())
        });
        let Some(current) = current.await? else {
            return Ok(true);
        };
        let rows = self.core.read(|log| log.unacked()).await?;
        Ok(rows.is_empty() || rows.iter().any(|row| row.event.epoch != current))
    }

    async fn keys_of(&mut self, rows: &[OutboxRow]) -> Result<Keys, Failure> {
        let mut keys = Keys::new();
        for row in rows {
            let epoch = row.event.epoch;
            let Some(key) = self.core.epoch_key(epoch).await? else {
                return Err(self.core.no_key(epoch).await.into());
            };
            keys.insert(epoch, key);
        }
        Ok(keys)
    }

    /// Goes on under a new writer id, if the verified log shows that the old one's chain was continued elsewhere: this
    /// store was restored from a backup, or copied.
    pub(super) async fn leave_writer(&mut self) -> Result<(), Stop> {
        self.catch_up().await?;
        match self.try_leave_writer().await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.strike("the relay speaks of a writer conflict that its log does not show")
                    .await
            }
            Err(Failure::Stopped(stop)) => Err(stop),
            Err(Failure::Refused(refusal)) => Err(Stop::Refused(refusal)),
            // Whatever else is wrong shows again when the pipeline runs.
            Err(_) => Ok(()),
        }
    }

    async fn try_leave_writer(&mut self) -> Result<bool, Failure> {
        let rows = self.find_delivered().await?;
        let Some(first) = rows.first().map(|row| row.event.clone()) else {
            return Ok(true);
        };
        let me = self.core.me();
        let shown = self
            .core
            .with_fold(move |fold| is_continued_elsewhere(fold, &first, me))
            .await?;
        if !shown {
            return Ok(false);
        }
        tracing::warn!(space.id = %self.core.space_id, "this store was restored or copied; going on under a new writer id");
        let key = self.core.current_key().await?;
        let writer_id = WriterId::new(entropy::draw(&mut entropy::system()));
        self.seal_again(rows, key, Some(writer_id)).await?;
        Ok(true)
    }
}

/// Where an event of this device stands in the verified log, under the principal that signed it.
pub(super) fn delivered(log: &SpaceLog<'_>, event: &OutboxEvent) -> Result<Option<u64>, Error> {
    Ok(log.place_of(&parsed(event)?)?.map(|at| at.seq))
}

fn parsed(event: &OutboxEvent) -> Result<ParsedEvent, Error> {
    ParsedEvent::parse(&event.event).map_err(|_| damaged())
}

/// Whether another principal than the one that this device is now signed some of these.
fn any_foreign(rows: &[OutboxRow], me: PrincipalId) -> Result<bool, Error> {
    for row in rows {
        if parsed(&row.event)?.header.principal_id != me {
            return Ok(true);
        }
    }
    Ok(false)
}

fn any_delivered(log: &SpaceLog<'_>, rows: &[OutboxRow]) -> Result<bool, Error> {
    for row in rows {
        if delivered(log, &row.event)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether some of these were signed before this principal became the member that it is now. Each departure is followed by a
/// rekey before anybody comes in again.
fn of_ended_membership(rows: &[OutboxRow], me: PrincipalId) -> impl Fn(&SpaceFold) -> bool + Send + 'static {
    let first = rows.iter().map(|row| row.event.epoch).min();
    move |fold| {
        let member = fold.chain().member(&me);
        member.is_some_and(|member| first.is_some_and(|epoch| epoch < member.first_epoch))
    }
}

/// Whether content may be written now.
///
/// # Errors
/// Why this member never may.
fn is_open(fold: &SpaceFold, me: &Identity) -> Result<bool, Error> {
    check_rights(fold, me)?;
    Ok(fold.chain().epoch().is_some() && !fold.chain().waits_for_rekey())
}

/// Whether another event of the same writer stands at the event's index, or before it.
fn is_continued_elsewhere(fold: &SpaceFold, event: &OutboxEvent, me: PrincipalId) -> bool {
    let Some(position) = fold.writers().position(&me, &event.writer_id) else {
        return false;
    };
    let previous = ParsedEvent::parse(&event.event)
        .ok()
        .and_then(|parsed| parsed.header.previous_event_id);
    position.last_index >= event.writer_index
        || position.last_index + 1 == event.writer_index && previous != Some(position.last_event_id)
}

fn replace_all(
    core: &SpaceCore,
    log: &SpaceLog<'_>,
    fold: &SpaceFold,
    rows: &[OutboxRow],
    keys: &Keys,
    key: &EpochKey,
    new_writer: Option<WriterId>,
) -> Result<(), Error> {
    let me = &core.client.identity;
    let mut chain = match new_writer {
        Some(writer_id) => {
            log.put_own_writer(&writer_id)?;
            Chain::before(writer_id, None)
        }
        None => chain_before(&rows[0])?,
    };
    for row in rows {
        let content = own_content(&row.event, keys)?;
        let event = chain.seal(fold, key, &content, me);
        log.replace_event(row.number, &event)?;
    }
    Ok(())
}

fn chain_before(row: &OutboxRow) -> Result<Chain, Error> {
    let header = ParsedEvent::parse(&row.event.event)
        .map_err(|_| damaged())?
        .header;
    let previous = header.previous_event_id.map(|id| (header.writer_index - 1, id));
    Ok(Chain::before(header.writer_id, previous))
}

pub(super) fn own_content(event: &OutboxEvent, keys: &Keys) -> Result<Content, Error> {
    let parsed = ParsedEvent::parse(&event.event).map_err(|_| damaged())?;
    let key = keys.get(&event.epoch).ok_or_else(damaged)?;
    open_content(key, &parsed).ok().flatten().ok_or_else(damaged)
}

fn damaged() -> Error {
    StoreError::Damaged { table: "outbox" }.into()
}
