//! What all handles on one open space share: the verified view, how far it reaches, and the way to the relay.

use std::sync::Arc;
use std::time::Duration;

use sealpost_protocol::canonical::encode;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::fold::SpaceFold;
use sealpost_protocol::ids::{PrincipalId, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::heartbeat::Heartbeats;
use super::keys::KeyRing;
use super::stop::Stop;
use super::tail::Tail;
use super::wraps::Rekeying;
use crate::client::Shared;
use crate::error::{Alarm, Error};
use crate::keystore::KnownSpace;
use crate::socket::{Socket, Subscription, SubscriptionEvent};
use crate::store::StoreTransaction;
use crate::store::log::{Evidence, SpaceLog, Weight};
use crate::sync;

/// How long the log may stand still while the relay says that there is more: a head that is never served must not hold
/// anybody for ever.
pub(crate) const MOVES_WITHIN: Duration = Duration::from_secs(60);

/// One open space.
pub(crate) struct SpaceCore {
    pub(crate) space_id: SpaceId,
    pub(crate) client: Arc<Shared>,
    pub(crate) socket: Socket,
    pub(crate) keys: KeyRing,
    /// A member may wait for a wrap.
    pub(crate) wraps_wanted: Notify,
    /// The relay serves the log anew: what it was asked before may be lost.
    pub(crate) served_anew: Notify,
    /// How far the rekey is that this device is making.
    pub(super) rekeying: Arc<Rekeying>,
    /// How far some device of the owner had verified the log, as the keystore says.
    pub(crate) pinned: Option<Cursor>,
    /// Whether the keystore lists the space, and not as lost. Held while that is changed.
    is_listed: Mutex<bool>,
    /// What other members have told of the log.
    pub(crate) heartbeats: Heartbeats,
    /// Held while what a restored relay lacks is brought back.
    pub(crate) healing: Mutex<()>,
    /// The last of the verified log, for who reads along.
    pub(crate) tail: Tail,
    /// Ends the space's tasks with the last handle.
    pub(crate) closing: CancellationToken,
    view: Arc<Mutex<View>>,
    progress: watch::Sender<Progress>,
}

/// The fold of the stored log, in memory. Never ahead of what is stored.
#[derive(Default)]
pub(crate) struct View {
    loaded: bool,
    pub(crate) fold: Option<SpaceFold>,
}

/// How far the verified log reaches, and whether it goes on.
#[derive(Clone)]
pub(crate) struct Progress {
    /// The last verified place.
    pub(crate) cursor: Cursor,
    /// Why the space has stopped.
    pub(crate) stopped: Option<Stop>,
}

impl View {
    /// Brings the view to the store's cursor, which another process may have moved; says whether it was elsewhere.
    pub(crate) fn refresh(&mut self, log: &SpaceLog<'_>) -> Result<bool, Error> {
        let stored = log.cursor()?;
        let known = self.fold.as_ref().map(SpaceFold::cursor);
        let current = self.loaded && known.unwrap_or(Cursor::start(&log.space_id())) == stored;
        if !current {
            self.fold = log.load_fold()?;
            self.loaded = true;
        }
        Ok(!current)
    }

    /// Forgets what may be ahead of the store.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// How far some device of the owner had verified the space, as the keystore on this device says.
pub(super) fn pinned_place(store: &StoreTransaction<'_>, space_id: SpaceId) -> Result<Option<Cursor>, Error> {
    Ok(place_of(known_space(store, space_id)?.as_ref()))
}

fn place_of(known: Option<&KnownSpace>) -> Option<Cursor> {
    known?.verified.map(|place| place.cursor)
}

/// What the keystore on this device says of a space; nothing, if it does not list it.
fn known_space(store: &StoreTransaction<'_>, space_id: SpaceId) -> Result<Option<KnownSpace>, Error> {
    let account = store.account()?;
    Ok(account.and_then(|mut account| account.content.spaces.remove(&space_id)))
}

impl SpaceCore {
    /// The core of a space that this store may or may not know yet. Nothing is stored of one that the relay does not serve.
    pub(crate) async fn open(
        client: Arc<Shared>,
        socket: Socket,
        space_id: SpaceId,
    ) -> Result<Arc<Self>, Error> {
        let (cursor, known, forked, standing) = client
            .store
            .read(move |store| {
                let log = SpaceLog::find_or_empty(store, space_id)?;
                let known = known_space(store, space_id)?;
                let forked = place_of(known.as_ref()).map(|at| log.check_pinned(at));
                Ok((log.cursor()?, known, forked.transpose()?, log.standing_alarm()?))
            })
            .await?;
        let progress = Progress {
            cursor,
            stopped: standing.map(Stop::Alarm),
        };
        let is_listed = known.as_ref().is_some_and(|known| known.lost_with.is_none());
        let core = Arc::new(Self {
            space_id,
            // An agent has no keystore.
            is_listed: Mutex::new(is_listed || client.owner.is_some()),
            client,
            socket,
            keys: KeyRing::default(),
            wraps_wanted: Notify::new(),
            served_anew: Notify::new(),
            rekeying: Arc::default(),
            pinned: place_of(known.as_ref()),
            heartbeats: Heartbeats::default(),
            healing: Mutex::default(),
            tail: Tail::default(),
            closing: CancellationToken::new(),
            view: Arc::default(),
            progress: watch::channel(progress).0,
        });
        if let Some(Err(alarm)) = forked
            && !core.has_stopped()
        {
            core.raise(alarm, Vec::new()).await;
        }
        Ok(core)
    }

    /// Who this device is in the space.
    pub(crate) fn me(&self) -> PrincipalId {
        self.client.identity.id()
    }

    /// How far the verified log reaches, as it moves.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Tells everyone how far the verified log reaches now.
    pub(crate) fn advance(&self, cursor: Cursor) {
        self.progress.send_if_modified(|progress| {
            let further = cursor.seq > progress.cursor.seq;
            if further {
                progress.cursor = cursor;
            }
            further
        });
    }

    /// Whether the space goes on no further.
    pub(crate) fn has_stopped(&self) -> bool {
        self.progress.borrow().stopped.is_some()
    }

    /// Why the space has stopped, if it has.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.progress.borrow().stopped.clone()
    }

    /// # Errors
    /// Why the space has stopped, if it has.
    pub(super) fn expect_going_on(&self) -> Result<(), Error> {
        self.stopped().map_or(Ok(()), |stop| Err(stop.to_error()))
    }

    /// Whether the space has stopped because this account is no member. That may change.
    pub(super) fn is_over_for_me(&self) -> bool {
        let progress = self.progress.borrow();
        let Some(Stop::Refused(refusal)) = &progress.stopped else {
            return false;
        };
        refusal.code == Some(ErrorCode::NotAMember)
    }

    /// Stops the space for everyone. The first reason is the one that is told.
    pub(crate) fn stop(&self, stop: Stop) {
        self.progress.send_modify(|progress| {
            progress.stopped.get_or_insert(stop);
        });
    }

    /// Keeps the evidence and stops the space, until a person says that it may go on.
    pub(crate) async fn raise(&self, alarm: Alarm, bytes: Vec<u8>) {
        self.raise_proven(alarm, bytes, None).await;
    }

    /// The same with what others can check, too.
    pub(crate) async fn raise_proven(&self, alarm: Alarm, bytes: Vec<u8>, proof: Option<wire::Evidence>) {
        tracing::error!(space.id = %self.space_id, alarm = %alarm, "a space was stopped");
        self.keep_proven(&alarm, bytes, proof, Weight::Standing).await;
        self.stop(Stop::Alarm(alarm));
    }

    /// Keeps what an alarm is about, for people to look at.
    pub(crate) async fn keep_evidence(&self, alarm: &Alarm, bytes: Vec<u8>, weight: Weight) {
        self.keep_proven(alarm, bytes, None, weight).await;
    }

    async fn keep_proven(
        &self,
        alarm: &Alarm,
        bytes: Vec<u8>,
        proof: Option<wire::Evidence>,
        weight: Weight,
    ) {
        let space_id = self.space_id;
        let at_ms = self.client.config.clock.unix_ms();
        let proof = proof.map(|proof| {
            encode(&wire::Evidence {
                at_ms,
                what: alarm.what.clone(),
                ..proof
            })
        });
        let evidence = Evidence {
            at_ms,
            alarm: alarm.clone(),
            bytes,
            proof,
            weight,
        };
        let kept = self
            .client
            .store
            .write(move |store| SpaceLog::find_or_create(store, space_id)?.put_evidence(&evidence))
            .await;
        if let Err(error) = kept {
            tracing::error!(error = %error, "the evidence could not be kept");
        }
    }

    /// Runs `work` on the space's part of the store and the view, which it may change together; durable when this returns.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&SpaceLog<'_>, &mut View) -> Result<T, Error> + Send + 'static,
    {
        let mut view = self.lock_view().await;
        let space_id = self.space_id;
        let written = self
            .client
            .store
            .write(move |store| {
                let result = work(&SpaceLog::find_or_empty(store, space_id)?, &mut view);
                if result.is_err() {
                    view.forget();
                }
                result
            })
            .await;
        if written.is_err() {
            // The commit may be what failed.
            self.lock_view().await.forget();
        }
        written
    }

    /// Runs `work` on the space's part of the store.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&SpaceLog<'_>) -> Result<T, Error> + Send + 'static,
    {
        let space_id = self.space_id;
        self.client
            .store
            .read(move |store| work(&SpaceLog::find_or_empty(store, space_id)?))
            .await
    }

    /// Brings the view to the store's cursor; returns it.
    pub(crate) async fn refresh(&self) -> Result<Cursor, Error> {
        let mut view = self.lock_view().await;
        let cursor = self
            .read(move |log| {
                view.refresh(log)?;
                log.cursor()
            })
            .await?;
        self.advance(cursor);
        Ok(cursor)
    }

    /// Looks at the verified view.
    ///
    /// # Errors
    /// [`Error::Usage`] before the space's beginning was read.
    pub(crate) async fn with_fold<T>(&self, look: impl FnOnce(&SpaceFold) -> T) -> Result<T, Error> {
        let mut view = self.lock_view().await;
        if !view.loaded {
            drop(view);
            self.refresh().await?;
            view = self.lock_view().await;
        }
        let fold = view.fold.as_ref();
        fold.map(look)
            .ok_or_else(|| Error::usage("nothing of this space was read from the relay yet"))
    }

    /// Waits until the verified log reaches `seq`, which the relay says it holds; as long as the log moves.
    ///
    /// # Errors
    /// Why the space stopped, if it did; [`Error::Network`] if nothing comes for a minute.
    pub(crate) async fn wait_for(&self, seq: u64) -> Result<(), Error> {
        let mut progress = self.progress();
        loop {
            let now = progress.borrow_and_update().clone();
            if now.cursor.seq >= seq {
                return Ok(());
            }
            if let Some(stop) = &now.stopped {
                return Err(stop.to_error());
            }
            timeout(MOVES_WITHIN, progress.changed())
                .await
                .map_err(|_| Error::network("the relay says that there is more and does not send it"))?
                .expect("this core holds the sender");
        }
    }

    /// Verifies up to where the relay's log reaches now.
    ///
    /// # Errors
    /// [`Error::Network`] without a connection, [`Error::Refused`], or why the space stopped.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        self.expect_going_on()?;
        let head = self.unless_stopped(self.head()).await?;
        self.wait_for(head).await
    }

    /// What is asked of the relay, as long as it may still be answered: who waits when the space stops hears why.
    async fn unless_stopped<T>(&self, asking: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.has_stopped() {
            return asking.await;
        }
        let mut progress = self.progress();
        tokio::select! {
            // What stops the space may be this very question, which says it better.
            biased;
            answer = asking => answer,
            Ok(now) = progress.wait_for(|now| now.stopped.is_some()) => {
                Err(now.stopped.as_ref().map_or_else(|| Error::network("the space was closed"), Stop::to_error))
            }
        }
    }

    /// Where the relay's log ends now, for who may read it. Of a space that was read before it is noted why it may not. A relay that was
    /// restored gets back what it lacks first.
    ///
    /// # Errors
    /// [`Error::Network`] without a connection, [`Error::Refused`], or an alarm.
    pub(super) async fn head(&self) -> Result<u64, Error> {
        loop {
            let served = self.served_by().await?;
            let refusal = match self.ask_head().await {
                Err(Error::Refused(refusal)) => refusal,
                head => return head,
            };
            if !self.heal_after(&refusal, served).await? {
                return Err(sync::refused_head(self, *refusal).await);
            }
        }
    }

    /// Whether the log, as far as it was read, has this account as no member: not yet, or not any more.
    pub(crate) async fn is_outside(&self) -> bool {
        let me = self.me();
        let outside = self.with_fold(|fold| fold.chain().member(&me).is_none());
        outside.await.unwrap_or(false)
    }

    /// Has the keystore list the space, as one that goes on, once the verified chain has this principal as a member: it may have
    /// been lost, or be one that nobody has named yet.
    pub(crate) async fn notice_membership(&self) {
        let mut is_listed = self.is_listed.lock().await;
        if *is_listed {
            return;
        }
        let me = self.me();
        let is_in = self.with_fold(|fold| fold.chain().member(&me).is_some()).await;
        if !is_in.unwrap_or(false) {
            return;
        }
        let space_id = self.space_id;
        let listing = self
            .client
            .update_keystore(|content| content.spaces.entry(space_id).or_default().lost_with = None);
        match listing.await {
            Ok(()) => *is_listed = true,
            // It is tried again with the next look at the relay.
            Err(error) => {
                tracing::warn!(space.id = %space_id, error = %error, "a space is not listed in the keystore, or as lost")
            }
        }
    }

    /// Where the relay's log ends now. The subscription that asks is given up at once: pages that nobody takes would keep
    /// the socket from being read.
    async fn ask_head(&self) -> Result<u64, Error> {
        let known = self.known().await?;
        let mut subscription = self.subscribe(&known.cursor).await;
        match subscription.next().await {
            SubscriptionEvent::Started(subscribed) => {
                self.check_head(&known, &subscribed).await?;
                Ok(subscribed.head_seq)
            }
            SubscriptionEvent::Ended(error) => Err(error),
            SubscriptionEvent::Page(_) | SubscriptionEvent::WrapWanted => {
                Err(Error::alarm("the relay sent entries before its head"))
            }
        }
    }

    /// Subscribes after a cursor.
    pub(crate) async fn subscribe(&self, after: &Cursor) -> Subscription {
        self.socket
            .subscribe(wire::Subscribe {
                space_id: self.space_id.to_bytes(),
                after_seq: after.seq,
                after_root: after.root.to_bytes(),
            })
            .await
    }

    async fn lock_view(&self) -> OwnedMutexGuard<View> {
        Arc::clone(&self.view).lock_owned().await
    }
}
