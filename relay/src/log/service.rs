//! What the sockets call.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prost::Message;
use sealpost_protocol::ids::{Incarnation, PrincipalId, Receipt, SpaceId};
use sealpost_protocol::root::{Cursor, empty_root};
use sealpost_protocol::{limits, wire};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::task::TaskTracker;

use super::checked::{Check, CheckedEntries};
use super::checkpoints::Checkpoints;
use super::lanes::Lanes;
use super::look_ups::LookUps;
use super::ports::{LogStore, OptionalShredLedger};
use super::quotas::Quotas;
use super::rates::Rates;
use super::receipts::Receipts;
use super::row_cipher::RowCipher;
use super::shared::{RETRY_SOON, Shared};
use super::space::{Space, Sync, Work};
use super::space_map::SpaceMap;
use super::stored_pages::PAGES_AHEAD;
use super::submission::{Author, QueueBudget, Submission};
use super::tail_budget::TailBudget;
use super::verify_pool::VerifyPool;
use super::view::View;
use super::withheld::Withheld;
use super::{Head, LogError, LogLimits, ObserveLog, Reader, Signals, Subscription, worker};
use crate::atrest::{DataKeys, RowSealer};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::spaces::AuthenticatedPrincipal;
use crate::store_failure::StoreFailure;

/// When to come back to a relay that is about to end, or rather to the next one.
pub(super) const RETRY_ELSEWHERE: Duration = Duration::from_secs(2);

/// That an entry is stored, durably, at this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Its place and the root there.
    pub cursor: Cursor,
    /// The relay's receipt for it.
    pub receipt: Receipt,
    /// Whether it had been stored before this request.
    pub duplicate: bool,
}

/// The answer to a publish: one ack for each entry up to the first refused one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishOutcome {
    /// In the order of the entries.
    pub acks: Vec<Ack>,
    /// Why the entry after the last acked one was refused; what follows it was not looked at.
    pub refusal: Option<LogError>,
}

/// What the log works with.
pub struct LogParts {
    /// Where logs are stored.
    pub store: Arc<dyn LogStore>,
    /// Which life of the database this is.
    pub incarnation: Incarnation,
    /// The keys that seal them.
    pub data_keys: DataKeys,
    /// Seals them.
    pub sealer: RowSealer,
    /// Remembers deletions outside the database.
    pub shreds: OptionalShredLedger,
    /// Tells other relays.
    pub bus: Arc<dyn Bus>,
    /// Dates rows.
    pub clock: Arc<dyn Clock>,
    /// Hears what happens, for metrics.
    pub observer: Arc<dyn ObserveLog>,
}

/// All logs of this relay. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct LogService {
    pub(super) shared: Arc<Shared>,
}

impl LogService {
    /// A log service with nothing in memory. Needs a tokio runtime; [`Self::run`] must run beside it.
    #[must_use]
    pub fn new(parts: LogParts, limits: LogLimits) -> Self {
        let work = TaskTracker::new();
        let (lanes, queues) = Lanes::new(limits.lanes);
        let shared = Shared {
            lanes,
            cipher: RowCipher::new(parts.sealer),
            receipts: Receipts::default(),
            checkpoints: Checkpoints::new(parts.incarnation),
            spaces: SpaceMap::new(limits.cached_spaces),
            verify: VerifyPool::new(limits.verify_threads),
            rates: Rates::new(&limits),
            look_ups: LookUps::new(limits.look_ups_per_second_per_account),
            pages_ahead: Arc::new(Semaphore::new(PAGES_AHEAD)),
            quotas: Quotas::default(),
            queue: QueueBudget::new(limits.queued_bytes),
            tail: TailBudget::new(limits.tail_bytes),
            store: parts.store,
            data_keys: parts.data_keys,
            shreds: parts.shreds,
            withheld: Withheld::default(),
            bus: parts.bus,
            clock: parts.clock,
            observer: parts.observer,
            work,
            is_draining: AtomicBool::new(false),
            limits,
        };
        let shared = Arc::new(shared);
        queues.start(&shared);
        Self { shared }
    }

    /// Appends `entries`, in order, and acks what is durable.
    ///
    /// Work begins with the call, not with the first poll: publishes to one space that are called one after the other
    /// are appended in that order, however their futures are awaited. Dropping the future gives up the answer only.
    pub fn publish(
        &self,
        author: &AuthenticatedPrincipal,
        space: SpaceId,
        entries: Vec<wire::Entry>,
    ) -> impl Future<Output = PublishOutcome> + Send + 'static + use<> {
        let submitted = self.submit(author, space, entries);
        async move {
            let refused = |refusal| PublishOutcome {
                acks: Vec::new(),
                refusal: Some(refusal),
            };
            match submitted {
                Ok(outcome) => outcome.await.unwrap_or_else(|_| refused(LogError::Internal)),
                Err(refusal) => refused(refusal),
            }
        }
    }

    fn submit(
        &self,
        author: &AuthenticatedPrincipal,
        space_id: SpaceId,
        entries: Vec<wire::Entry>,
    ) -> Result<oneshot::Receiver<PublishOutcome>, LogError> {
        if self.shared.is_draining.load(Ordering::Relaxed) {
            let retry_after = RETRY_ELSEWHERE;
            return Err(LogError::Draining { retry_after });
        }
        if entries.len() > limits::MAX_ENTRIES_PER_PUBLISH {
            let limit = limits::MAX_ENTRIES_PER_PUBLISH as u64;
            return Err(LogError::TooLarge { limit });
        }
        let space = self.admit(author, space_id, entries.len())?;
        let shared = &self.shared;
        let bytes = entries.iter().map(Message::encoded_len).sum();
        let charge = shared.queue.charge(bytes).ok_or(LogError::Overloaded {
            retry_after: RETRY_SOON,
        })?;
        shared.observer.queued_bytes(shared.queue.used());
        let (checked, checking) = oneshot::channel();
        let whose = Author {
            principal: author.principal_id(),
            account: author.account_id(),
        };
        let (submission, outcome) = Submission::new(whose, checking, charge, shared.work.token());
        worker::queue(shared, &space, Work::Append(submission))?;
        self.check(author, space, entries, checked);
        Ok(outcome)
    }

    /// The space, if the author may publish so many entries there now.
    fn admit(
        &self,
        author: &AuthenticatedPrincipal,
        space_id: SpaceId,
        entries: usize,
    ) -> Result<Arc<Space>, LogError> {
        let shared = &self.shared;
        let known = shared.spaces.find_to_use(&space_id);
        let member = author.principal_id();
        let member_of = known.as_ref().filter(|space| space.is_known_member(&member));
        let member_of = member_of.map(|space| space.id);
        shared.rates.publish(author.party(), member_of, entries)?;
        Ok(known.unwrap_or_else(|| shared.spaces.get(space_id)))
    }

    /// Has the entries of a submission checked, which then calls for whoever appends it.
    fn check(
        &self,
        author: &AuthenticatedPrincipal,
        space: Arc<Space>,
        entries: Vec<wire::Entry>,
        checked: oneshot::Sender<CheckedEntries>,
    ) {
        let check = Check {
            space_id: space.id,
            principal_id: author.principal_id(),
            signing_key: *author.signing_key(),
        };
        let shared = Arc::clone(&self.shared);
        let told = CheckedCall { shared, space };
        self.shared.verify.start(author.party(), move || {
            let (_told, checked) = (told, checked);
            // Whoever waited for it may have been cut short.
            let _ = checked.send(check.all(&entries));
        });
    }

    /// Begins to read after the cursor `after`.
    ///
    /// # Errors
    /// [`LogError::NotAMember`]; [`LogError::LogMismatch`] if `after` is not on the log; [`LogError::RateLimited`].
    pub async fn subscribe(
        &self,
        principal: &AuthenticatedPrincipal,
        space: SpaceId,
        after: Cursor,
    ) -> Result<Subscription, LogError> {
        let _turn = self.shared.look_ups.turn(principal.party()).await?;
        let subscriber = (principal.principal_id(), principal.writer_id());
        let held = self.shared.spaces.get(space);
        let ends = held.watch();
        // Hints come late or not at all: who was acked elsewhere, or heard of it, must find it here.
        sync(&self.shared, &held, false).await?;
        let view = self
            .with_view(space, |view| match view {
                view if !view.membership.contains(&subscriber.0) => Err(LogError::NotAMember),
                view if after.seq > view.head.seq => Err(view.end.clone().unwrap_or(LogError::LogMismatch)),
                view => Ok(view.clone()),
            })
            .await?;
        if self.root_at(space, &view, after.seq).await? != Some(after) {
            return Err(LogError::LogMismatch);
        }
        let head = self.stated_head(space, &view).await?;
        let reader = Reader::new(
            Arc::clone(&self.shared),
            Arc::clone(&held),
            ends,
            (subscriber.0, principal.party()),
            after,
        );
        if !Arc::ptr_eq(&held, &self.shared.spaces.get(space)) {
            // It was made while we asked for it.
            let retry_after = RETRY_SOON;
            return Err(LogError::Overloaded { retry_after });
        }
        let signals = Signals::new(held, subscriber, self.shared.limits.queued_signals);
        Ok(Subscription {
            head,
            reader,
            signals,
        })
    }

    /// The spaces of a principal and their last places, as a hint: the chain of each is the truth.
    ///
    /// # Errors
    /// [`StoreFailure`] if the database does not answer.
    pub async fn spaces_of(&self, principal: &PrincipalId) -> Result<Vec<(SpaceId, u64)>, StoreFailure> {
        self.shared.store.spaces_of(principal).await
    }

    /// Takes no new publishes and waits until those in flight are answered. Readers go on.
    pub async fn drain(&self) {
        self.shared.is_draining.store(true, Ordering::Relaxed);
        self.shared.work.close();
        self.shared.work.wait().await;
    }

    /// The end of the log as a reader is told it. Where a damaged entry ends what can be read, it is the end of what is
    /// stored, so that the reader knows that it misses something; nobody has verified that, so there is no receipt.
    async fn stated_head(&self, space: SpaceId, view: &View) -> Result<Head, LogError> {
        let (cursor, receipt) = if view.end.is_none() {
            let receipt = self.shared.receipt_key().await?.issue(&space, &view.head);
            (view.head, Some(receipt))
        } else {
            let heads = self.shared.store.heads(&[view.number]).await?;
            (heads.first().map_or(view.head, |(_, stored)| *stored), None)
        };
        Ok(Head {
            cursor,
            receipt,
            recovering: self.shared.recovers_for(view.restored_at).is_some(),
        })
    }

    async fn root_at(&self, space: SpaceId, view: &View, seq: u64) -> Result<Option<Cursor>, LogError> {
        if seq == 0 {
            let root = empty_root(&space);
            return Ok(Some(Cursor { seq, root }));
        }
        if seq == view.head.seq {
            return Ok(Some(view.head));
        }
        Ok(self.shared.store.roots(view.number, &[seq]).await?.pop())
    }

    /// Looks at the space; if `look` refuses, looks again after the database was read, because this relay may be behind
    /// another one. Where nobody reads the space here, no hint is followed: then the database is read first, or a removed
    /// member would be served.
    pub(super) async fn with_view<T>(
        &self,
        space_id: SpaceId,
        look: impl Fn(&View) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let space = self.shared.spaces.get(space_id);
        let look = |view: &View| view.check_lives().and_then(|()| look(view));
        if space.has_readers()
            && let Some(view) = space.view()
            && let Ok(seen) = look(&view)
        {
            return Ok(seen);
        }
        sync(&self.shared, &space, false).await?;
        look(&space.view().ok_or(LogError::NotAMember)?)
    }
}

/// Tells a space that a submission was checked, also when the check panicked.
struct CheckedCall {
    shared: Arc<Shared>,
    space: Arc<Space>,
}

impl Drop for CheckedCall {
    fn drop(&mut self) {
        worker::call(&self.shared, &self.space, self.space.checked());
    }
}

/// Waits until the space in memory is at least as new as the database is now.
pub(super) async fn sync(shared: &Arc<Shared>, space: &Arc<Space>, reopen: bool) -> Result<(), LogError> {
    let (reply, done) = oneshot::channel();
    worker::queue(shared, space, Work::Sync(Sync { reopen, reply }))?;
    done.await.unwrap_or(Err(LogError::Internal))
}
