//! One page: verified and kept in one transaction, or not at all.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::fold::Roots;
use sealpost_protocol::ids::{PrincipalId, Receipt, Root, SpaceId};
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::entry::Kind;
use sealpost_protocol::wire::{Entry, Page};

use super::gather::join;
use super::verify::{Fault, FaultAt, Verified, verify_page};
use crate::error::{Alarm, Error, Refusal};
use crate::space::core::{SpaceCore, View};
use crate::space::proof;
use crate::space::stop::Stop;
use crate::space::tail::FreshPage;
use crate::store::log::SpaceLog;
use crate::store::outbox::BrokenAck;
use crate::weakened::holds;

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
    /// Verifies pages of a subscription that was served up to `served`, and keeps them: together, if nothing is wrong with
    /// them, otherwise one by one up to the one that is. Nothing of a page with one fault is kept; the page is, as evidence.
    pub(crate) async fn apply(&self, pages: Vec<Page>, served: u64) -> Result<Applied, Error> {
        if pages.len() > 1 {
            let joined = self.verify_and_commit(Arc::new(join(&pages)), ends_of(&pages), served);
            if let Ok(applied @ Applied::Kept(_)) = joined.await {
                return Ok(applied);
            }
        }
        let (mut served, mut applied) = (served, Applied::Moved);
        for page in pages {
            let count = page.entries.len() as u64;
            applied = self.apply_one(page, served).await?;
            if !matches!(applied, Applied::Kept(_)) {
                return Ok(applied);
            }
            served += count;
        }
        Ok(applied)
    }

    async fn apply_one(&self, page: Page, served: u64) -> Result<Applied, Error> {
        let page = Arc::new(page);
        let applied = self
            .verify_and_commit(Arc::clone(&page), Vec::new(), served)
            .await;
        let applied = match applied {
            Err(Error::Integrity(alarm)) => {
                let proof = proof::of_page(self, &page).await;
                self.raise_proven(*alarm, page.encode_to_vec(), proof).await;
                return Ok(Applied::Moved);
            }
            applied => applied?,
        };
        if let Applied::Alarmed(alarm) = &applied {
            self.stop(Stop::Alarm(alarm.clone()));
        }
        Ok(applied)
    }

    /// Verifies a page and keeps it; `ends` are places within it whose roots the relay has stated.
    async fn verify_and_commit(
        &self,
        page: Arc<Page>,
        ends: Vec<StatedRoot>,
        served: u64,
    ) -> Result<Applied, Error> {
        let (pinned, me) = (self.pinned, self.me());
        let (owner, life) = (self.client.owner, self.life());
        let kept = self
            .write(move |log, view| {
                let (applied, fresh) = apply_page(log, view, &page, &ends, served, pinned)?;
                if let Some(life) = life.filter(|_| page.first_seq == 1) {
                    // There was nothing of the space before.
                    SpaceLog::find_or_create(log.store(), log.space_id())?.put_incarnation(&life)?;
                }
                if let Some(owner) = owner {
                    expect_brought_in_by(&owner, &page, &me)?;
                }
                Ok((applied, fresh, is_deleted(view)))
            })
            .await;
        let (applied, fresh, is_deleted) = kept?;
        if let Some(fresh) = fresh {
            self.tail.push(fresh);
        }
        if let Applied::Kept(cursor) = &applied {
            self.advance(*cursor);
        }
        if is_deleted {
            self.stop(Stop::Refused(Box::new(Refusal::tombstoned())));
        }
        Ok(applied)
    }
}

/// A place, and what the relay says is the root there.
type StatedRoot = (u64, Bytes);

/// The ends of pages that follow each other, but the last.
fn ends_of(pages: &[Page]) -> Vec<StatedRoot> {
    let all_but_last = pages.split_last().map_or(&[][..], |(_, rest)| rest);
    let end = |page: &Page| {
        page.first_seq
            .saturating_add(page.entries.len() as u64)
            .saturating_sub(1)
    };
    all_but_last
        .iter()
        .map(|page| (end(page), page.last_root.clone()))
        .collect()
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
    ends: &[StatedRoot],
    served: u64,
    pinned: Option<Cursor>,
) -> Result<(Applied, Option<FreshPage>), Error> {
    // Undone with everything else if the page does not hold.
    let log = &SpaceLog::find_or_create(log.store(), log.space_id())?;
    view.refresh(log)?;
    if let Some(alarm) = log.standing_alarm()? {
        return Ok((Applied::Alarmed(alarm), None));
    }
    let cursor = log.cursor()?;
    if page.first_seq == served + 1 && cursor.seq > served {
        return Ok((skip_known(log, page, &cursor)?, None));
    }
    let fresh = verify_and_keep(log, view, page, ends)?;
    check_pin(log, page.first_seq, pinned)?;
    log.settle_acks()?
        .map_err(|broken| Error::from(broken_ack_alarm(&broken, log.space_id())))?;
    Ok((Applied::Kept(log.cursor()?), Some(fresh)))
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

fn verify_and_keep(
    log: &SpaceLog<'_>,
    view: &mut View,
    page: &Page,
    ends: &[StatedRoot],
) -> Result<FreshPage, Error> {
    let space_id = log.space_id();
    let verified = verify_page(&space_id, &mut view.fold, page, &StoredRoots::of(log))
        .and_then(|verified| check_ends(verified, page.first_seq, ends))
        .map_err(|fault| Error::from(fault_alarm(fault, space_id)))?;
    log.append(&verified.entries)?;
    for (seq, rekey) in &verified.rekeys {
        log.put_epoch(rekey, *seq)?;
    }
    let (Some(first), Some(last)) = (verified.entries.first(), verified.entries.last()) else {
        return Ok(FreshPage::default());
    };
    if let Ok(receipt) = Receipt::try_from(&page.receipt[..]) {
        log.put_receipt(last.place.at.seq, &receipt)?;
    }
    Ok(FreshPage {
        first_seq: first.place.at.seq,
        last_seq: last.place.at.seq,
        bytes: page.encoded_len(),
        events: verified.events,
    })
}

/// Holds what the relay stated within a page against what was verified.
fn check_ends<'e>(
    verified: Verified<'e>,
    first_seq: u64,
    ends: &[StatedRoot],
) -> Result<Verified<'e>, FaultAt> {
    for (seq, stated) in ends {
        let offset = seq
            .checked_sub(first_seq)
            .and_then(|offset| usize::try_from(offset).ok());
        let place = offset
            .and_then(|offset| verified.entries.get(offset))
            .map(|entry| entry.place);
        let root = Root::try_from(&stated[..]).ok();
        if !holds(root.is_some() && root == place.map(|place| place.at.root)) {
            return Err(FaultAt {
                fault: Fault::RootDiffers,
                seq: *seq,
                event_id: place.map(|place| place.event_id),
            });
        }
    }
    Ok(verified)
}

/// Roots from the store. Events that were sealed together have seen the same place: each place is looked up once.
struct StoredRoots<'a> {
    log: &'a SpaceLog<'a>,
    known: RefCell<BTreeMap<u64, Option<Root>>>,
}

impl<'a> StoredRoots<'a> {
    fn of(log: &'a SpaceLog<'a>) -> Self {
        let known = RefCell::default();
        Self { log, known }
    }
}

impl Roots for StoredRoots<'_> {
    fn root_at(&self, seq: u64) -> Option<Root> {
        let mut known = self.known.borrow_mut();
        *known
            .entry(seq)
            .or_insert_with(|| self.log.root_at(seq).ok().flatten())
    }
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
