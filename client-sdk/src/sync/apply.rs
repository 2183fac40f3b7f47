//! One page: verified and kept in one transaction, or not at all.

use prost::Message as _;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::ids::{PrincipalId, Receipt, Root, SpaceId};
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{Entry, Page};

use super::verify::{FaultAt, verify_page};
use crate::error::{Alarm, Error, Refusal};
use crate::space::core::{SpaceCore, View};
use crate::space::proof;
use crate::space::stop::Stop;
use crate::store::log::SpaceLog;
use crate::store::outbox::BrokenAck;

/// What became of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The log is verified and kept up to here, at least.
    Kept(Cursor),
    /// Another process has moved the store into the middle of the page, or the space has stopped; nothing was kept.
    Moved,
    /// Another process of this home has raised an alarm, which stops the space here, too; nothing was kept.
    Alarmed(Alarm),
}

impl SpaceCore {
    /// Verifies a page of a subscription that was served up to `served`, and keeps it. Nothing of a page with one fault is
    /// kept; the page is, as evidence.
    pub(crate) async fn apply(&self, page: Page, served: u64) -> Result<Applied, Error> {
        let (evidence, pinned, me) = (page.clone(), self.pinned, self.me());
        let (owner, life) = (self.client.owner, self.life());
        let applied = self
            .write(move |log, view| {
                let applied = apply_page(log, view, &page, served, pinned)?;
                if let Some(life) = life.filter(|_| page.first_seq == 1) {
                    // There was nothing of the space before.
                    SpaceLog::find_or_create(log.store(), log.space_id())?.put_incarnation(&life)?;
                }
                if let Some(owner) = owner {
                    expect_brought_in_by(&owner, &page, &me)?;
                }
                Ok((applied, is_deleted(view)))
            })
            .await;
        let (applied, is_deleted) = match applied {
            Ok(applied) => applied,
            Err(Error::Integrity(alarm)) => {
                let proof = proof::of_page(self, &evidence).await;
                let (alarm, page) = (Alarm::clone(&alarm), evidence.encode_to_vec());
                self.raise_proven(alarm, page, proof).await;
                return Ok(Applied::Moved);
            }
            Err(error) => return Err(error),
        };
        match &applied {
            Applied::Kept(cursor) => self.advance(*cursor),
            Applied::Alarmed(alarm) => self.stop(Stop::Alarm(alarm.clone())),
            Applied::Moved => {}
        }
        if is_deleted {
            self.stop(Stop::Refused(Box::new(Refusal::tombstoned())));
        }
        Ok(applied)
    }
}

/// Nothing comes behind a tombstone. Behind the own removal may come that somebody lets this member in again.
fn is_deleted(view: &View) -> bool {
    let fold = view.fold.as_ref();
    fold.is_some_and(|fold| fold.chain().is_tombstoned())
}

/// An agent takes part where its owner brought it in, and nowhere else: nothing is kept of a log from the page on in which
/// somebody else did, unless it shows the owner doing so after that. New keys cannot bring it in: it would have to sign that itself.
fn expect_brought_in_by(owner: &PrincipalId, page: &Page, me: &PrincipalId) -> Result<(), Error> {
    let mut latest_first = page.entries.iter().rev().filter_map(added);
    // The chain allows another one only once the one before has ended.
    let last = latest_first.find(|(id, _)| id == me);
    if last.is_some_and(|(_, by)| by != *owner) {
        return Err(Refusal::by_the_rules(
            ErrorCode::NotPermitted,
            "somebody else than its owner has added this agent to the space; it takes no part in it",
        )
        .into());
    }
    Ok(())
}

/// Whom an entry adds, and whose record it is.
fn added(entry: &Entry) -> Option<(PrincipalId, PrincipalId)> {
    let Some(Kind::Control(control)) = &entry.kind else {
        return None;
    };
    let record = ParsedControl::parse(control).ok()?;
    let Body::AddMember(add) = &record.body else {
        return None;
    };
    let newcomer = Manifest::parse(&add.manifest).ok()?;
    Some((newcomer.id(), record.author))
}

fn apply_page(
    log: &SpaceLog<'_>,
    view: &mut View,
    page: &Page,
    served: u64,
    pinned: Option<Cursor>,
) -> Result<Applied, Error> {
    // Undone with everything else if the page does not hold.
    let log = &SpaceLog::find_or_create(log.store(), log.space_id())?;
    view.refresh(log)?;
    if let Some(alarm) = log.standing_alarm()? {
        return Ok(Applied::Alarmed(alarm));
    }
    let cursor = log.cursor()?;
    if page.first_seq == served + 1 && cursor.seq > served {
        return skip_known(log, page, &cursor);
    }
    verify_and_keep(log, view, page)?;
    check_pin(log, page.first_seq, pinned)?;
    log.settle_acks()?
        .map_err(|broken| Error::from(broken_ack_alarm(&broken, log.space_id())))?;
    Ok(Applied::Kept(log.cursor()?))
}

/// Another process has verified these places already: the page must lead to the same root, and is then done with.
fn skip_known(log: &SpaceLog<'_>, page: &Page, cursor: &Cursor) -> Result<Applied, Error> {
    let last = page.first_seq + page.entries.len() as u64 - 1;
    if last > cursor.seq {
        return Ok(Applied::Moved);
    }
    let known = log.root_at(last)?;
    if known.is_some() && known == Root::try_from(&page.last_root[..]).ok() {
        return Ok(Applied::Kept(*cursor));
    }
    let what = "the relay serves another log than another process of this home has verified";
    Err(Alarm::at(what, log.space_id(), last, None).into())
}

fn verify_and_keep(log: &SpaceLog<'_>, view: &mut View, page: &Page) -> Result<(), Error> {
    let space_id = log.space_id();
    let stored = |seq| -> Option<Root> { log.root_at(seq).ok().flatten() };
    let verified = verify_page(&space_id, &mut view.fold, page, &stored)
        .map_err(|fault| Error::from(fault_alarm(fault, space_id)))?;
    log.append(&verified.entries)?;
    for (seq, rekey) in &verified.rekeys {
        log.put_epoch(rekey, *seq)?;
    }
    if let Ok(receipt) = Receipt::try_from(&page.receipt[..]) {
        log.put_receipt(log.cursor()?.seq, &receipt)?;
    }
    Ok(())
}

/// The log must pass through the place that another device of this account had verified.
fn check_pin(log: &SpaceLog<'_>, first_seq: u64, pinned: Option<Cursor>) -> Result<(), Error> {
    match pinned.filter(|pinned| pinned.seq >= first_seq) {
        Some(pinned) => Ok(log.check_pinned(pinned)??),
        None => Ok(()),
    }
}

fn fault_alarm(fault: FaultAt, space_id: SpaceId) -> Alarm {
    Alarm::at(fault.fault.to_string(), space_id, fault.seq, fault.event_id)
}

/// The relay promised another log than the one it serves.
pub(crate) fn broken_ack_alarm(broken: &BrokenAck, space_id: SpaceId) -> Alarm {
    let what = "the log does not hold the event where the relay acked it";
    Alarm::at(what, space_id, broken.at.seq, Some(broken.event_id))
}
