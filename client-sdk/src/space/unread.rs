//! How an agent leaves a space into which somebody else than its owner has brought it. It may keep and show nothing of such a log;
//! but the record with which it leaves stands on the log's end, and so the log is verified once, in memory.

use std::time::Duration;

use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::control::sign_control;
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::Root;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{Leave, Page};
use tokio::time::timeout;

use super::control::publish_one;
use super::core::SpaceCore;
use crate::blocking;
use crate::error::{Alarm, Error};
use crate::socket::{Subscription, SubscriptionEvent};
use crate::sync::verify::verify_page;

/// How often leaving is tried against others who change the space.
const ATTEMPTS: usize = 12;
/// How long the relay may keep back what it says that there is.
const COMES_WITHIN: Duration = Duration::from_secs(60);

/// A log as far as it was read; 32 bytes for each entry, beside the fold.
#[derive(Default)]
struct ReadThrough {
    fold: Option<SpaceFold>,
    roots: Vec<Root>,
}

impl SpaceCore {
    /// Whether an error means that the log is not for this agent's eyes.
    pub(super) fn is_not_for_this_agent(&self, error: &Error) -> bool {
        let Error::Refused(refusal) = error else {
            return false;
        };
        self.client.owner.is_some() && refusal.by_the_rules && refusal.code == Some(ErrorCode::NotPermitted)
    }

    /// Leaves the space; nothing of its log stays on this device.
    pub(super) async fn leave_unread(&self) -> Result<(), Error> {
        let mut last_error = Error::usage("the space is changed too often by others; try again");
        for _ in 0..ATTEMPTS {
            match self.offer_to_leave().await {
                Err(error) if error.code() == Some(ErrorCode::ControlConflict) => last_error = error,
                result => return result,
            }
        }
        Err(last_error)
    }

    async fn offer_to_leave(&self) -> Result<(), Error> {
        let fold = self.read_through().await?;
        let me = &self.client.identity;
        if fold.chain().member(&me.id()).is_none() {
            return Ok(());
        }
        let link = fold.chain().next_link(fold.cursor());
        let record = sign_control(&link, &me.id(), Body::Leave(Leave {}), me.signing_key());
        publish_one(&self.socket, &self.space_id, record).await
    }

    /// Verifies the log from its beginning to the end that the relay states.
    async fn read_through(&self) -> Result<SpaceFold, Error> {
        let mut subscription = self.subscribe(&Cursor::start(&self.space_id)).await;
        let mut read = ReadThrough::default();
        let mut head = None;
        loop {
            match next(&mut subscription).await? {
                SubscriptionEvent::Started(subscribed) => head = Some(subscribed.head_seq),
                SubscriptionEvent::Page(page) => read = self.take(read, page).await?,
                SubscriptionEvent::WrapWanted => {}
                SubscriptionEvent::Ended(error) => return Err(error),
            }
            match &read.fold {
                Some(fold) if head.is_some_and(|head| fold.cursor().seq >= head) => return Ok(fold.clone()),
                _ => {}
            }
        }
    }

    async fn take(&self, mut read: ReadThrough, page: Page) -> Result<ReadThrough, Error> {
        let space_id = self.space_id;
        blocking::run(move || {
            let ReadThrough { fold, roots } = &mut read;
            let stored = |seq: u64| roots.get(usize::try_from(seq.checked_sub(1)?).ok()?).copied();
            let verified = verify_page(&space_id, fold, &page, &stored)
                .map_err(|fault| Alarm::at(fault.fault.to_string(), space_id, fault.seq, fault.event_id))?;
            roots.extend(verified.entries.iter().map(|entry| entry.place.at.root));
            Ok(read)
        })
        .await
    }
}

async fn next(subscription: &mut Subscription) -> Result<SubscriptionEvent, Error> {
    timeout(COMES_WITHIN, subscription.next())
        .await
        .map_err(|_elapsed| Error::network("the relay says that there is more and does not send it"))
}
