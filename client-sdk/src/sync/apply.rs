//! One page: verified and kept in one transaction, or not at all.

use prost::Message as _;
use sealpost_protocol::ids::{Receipt, Root, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::Page;

use super::verify::{FaultAt, verify_page};
use crate::error::{Alarm, Error};
use crate::space::core::{SpaceCore, View};
use crate::store::log::SpaceLog;
use crate::store::outbox::BrokenAck;

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Verified and kept.
    Kept,
    /// Another process had moved the store meanwhile; the page was not looked at.
    Moved,
}

impl SpaceCore {
    /// Verifies a page and keeps it. Nothing of a page with one fault is kept; the page is, as evidence.
    ///
    /// # Errors
    /// [`Error::Integrity`] names the fault and its place.
    pub(crate) async fn apply(&self, page: Page) -> Result<Applied, Error> {
        let (evidence, pinned) = (page.clone(), self.pinned);
        match self
            .write(move |log, view| apply_page(log, view, &page, pinned))
            .await
        {
            Ok(Some(cursor)) => {
                self.advance(cursor);
                Ok(Applied::Kept)
            }
            Ok(None) => Ok(Applied::Moved),
            Err(Error::Integrity(alarm)) => {
                self.raise(Alarm::clone(&alarm), evidence.encode_to_vec()).await;
                Ok(Applied::Moved)
            }
            Err(error) => Err(error),
        }
    }
}

/// The cursor after the page; `None` if the store was moved.
fn apply_page(
    log: &SpaceLog<'_>,
    view: &mut View,
    page: &Page,
    pinned: Option<Cursor>,
) -> Result<Option<Cursor>, Error> {
    if view.refresh(log)? {
        return Ok(None);
    }
    let space_id = log.space_id();
    let stored = |seq| -> Option<Root> { log.root_at(seq).ok().flatten() };
    let verified = verify_page(&space_id, &mut view.fold, page, &stored)
        .map_err(|fault| Error::from(fault_alarm(fault, space_id)))?;
    log.append(&verified.entries)?;
    for (seq, rekey) in &verified.rekeys {
        log.put_epoch(rekey, *seq)?;
    }
    let cursor = log.cursor()?;
    if let Ok(receipt) = Receipt::try_from(&page.receipt[..]) {
        log.put_receipt(cursor.seq, &receipt)?;
    }
    check_pin(log, page.first_seq, pinned)?;
    log.settle_acks()?
        .map_err(|broken| Error::from(broken_ack_alarm(&broken, space_id)))?;
    Ok(Some(cursor))
}

/// The log must pass through the place that another device of this account had verified.
fn check_pin(log: &SpaceLog<'_>, first_seq: u64, pinned: Option<Cursor>) -> Result<(), Error> {
    let Some(pinned) = pinned.filter(|pinned| pinned.seq >= first_seq) else {
        return Ok(());
    };
    match log.root_at(pinned.seq)? {
        Some(root) if root != pinned.root => {
            let what = "the log is not the one that another device of this account has verified";
            Err(Alarm::at(what, log.space_id(), pinned.seq, None).into())
        }
        _ => Ok(()),
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
