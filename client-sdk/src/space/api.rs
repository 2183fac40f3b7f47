//! What an application does with a space.

use std::sync::Arc;
use std::time::Duration;

use sealpost_protocol::chain::{Applicant, Capabilities, Member};
use sealpost_protocol::ids::{PrincipalId, Root, SpaceId};
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::Policy;
use tokio::sync::{oneshot, watch};

use super::control::Aim;
use super::deliver::{MessageCursor, Messages, Position, messages};
use super::ended::SpaceEnd;
use super::handle::Handle;
use super::heartbeat::Heard;
use super::members::{Added, Deleted, Granted, Left, PolicySet, Rekeyed, Removed, Replaced};
use super::sender::{Packing, Sender};
use super::signal::{self, Signals};
use super::wraps::RekeyProgress;
use super::{holder, missing};
use crate::contacts::ConfirmedContact;
use crate::content::Message;
use crate::entropy;
use crate::error::{Alarm, Error};
use crate::outbox::{Done, Sent};
use crate::store::log::Evidence;

/// An open space. Clones share it; it is followed in the background until the last clone and stream are dropped.
#[derive(Clone)]
pub struct Space {
    handle: Arc<Handle>,
}

impl Space {
    pub(super) fn new(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    pub(crate) fn core(&self) -> &Arc<super::core::SpaceCore> {
        self.handle.core()
    }

    /// The space's id: the hash of its first record.
    #[must_use]
    pub fn id(&self) -> SpaceId {
        self.handle.core().space_id
    }

    /// Sends one message; returns once the relay has acked it durably. It is on this device's disk before its first byte
    /// leaves, and survives a crash of either side: it arrives once.
    ///
    /// Without a connection this waits for the next one. Dropped before it returns, the message may still be sent.
    ///
    /// # Errors
    /// [`Error::Usage`] if no event can carry it; [`Error::Refused`] if the relay, or the space's own rules, do not let this
    /// member write; or why the space has stopped.
    pub async fn send(&self, message: Message) -> Result<Sent, Error> {
        let (sender, answer) = oneshot::channel();
        let done: Done = Box::new(move |result| {
            // Whoever sent it may have gone away.
            let _ = sender.send(result);
        });
        self.handle.hand_over(message, false, done).await?;
        match answer.await {
            Ok(Ok(sent)) => Ok(sent),
            Ok(Err(stop)) => Err(stop.to_error()),
            Err(_closed) => Err(Error::usage("the space was closed")),
        }
    }

    /// Waits until the relay has acked everything that this device has signed for the space, what earlier processes left
    /// behind included. See [`crate::Client::unsent`].
    ///
    /// # Errors
    /// Why something cannot be sent; it stays where it is.
    pub async fn flush(&self) -> Result<(), Error> {
        self.handle.flush().await
    }

    /// For many messages: feed them without waiting for each ack, and flush at the end.
    #[must_use]
    pub fn sender(&self, packing: Packing) -> Sender {
        Sender::new(Arc::clone(&self.handle), packing)
    }

    /// Every message behind `after`, in order, each exactly once: from this device's store, then live. Any number of
    /// streams may run at once. An event that its author wrote unreadably is an [`Error::Unreadable`] in its place; any other
    /// error ends the stream.
    #[must_use]
    pub fn subscribe(&self, after: Position) -> Messages {
        messages(Arc::clone(&self.handle), after, None)
    }

    /// As [`Self::subscribe`], but the stream ends behind the event at `until`. With the place that [`Self::sync`] returns,
    /// that is everything there is now.
    #[must_use]
    pub fn read(&self, after: Position, until: u64) -> Messages {
        messages(Arc::clone(&self.handle), after, Some(until))
    }

    /// As [`Self::subscribe`], from a cursor that an application has kept.
    ///
    /// # Errors
    /// [`Error::Integrity`] if the verified log has another root at its place, or none: the cursor is of another history.
    pub async fn subscribe_from(&self, cursor: &MessageCursor) -> Result<Messages, Error> {
        let seq = cursor.position.seq;
        if self.verified().seq < seq {
            self.sync().await?;
        }
        if self.root_at(seq).await? != Some(cursor.root) {
            let what = "the cursor belongs to another history of the space";
            return Err(Alarm::at(what, self.id(), seq, None).into());
        }
        Ok(self.subscribe(cursor.position))
    }

    /// The cursor that an application has kept under `name` on this device, with [`Self::keep_cursor`]. One that was kept in a view which
    /// was set aside since stands where both logs part, if it is not before that.
    ///
    /// # Errors
    /// [`Error::Store`]; where a view was set aside also those of [`Self::sync`].
    pub async fn kept_cursor(&self, name: &str) -> Result<Option<MessageCursor>, Error> {
        let core = self.handle.core();
        let own = name.to_owned();
        let kept = core.read(move |log| log.reader(&own)).await?;
        if kept.is_some() || core.views_aside().await? == 0 {
            return Ok(kept);
        }
        self.sync().await?;
        let name = name.to_owned();
        core.read(move |log| log.reader_aside(&name)).await
    }

    /// Keeps a cursor under `name` on this device, in the stead of the one before. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn keep_cursor(&self, name: &str, cursor: &MessageCursor) -> Result<(), Error> {
        let (name, cursor) = (name.to_owned(), *cursor);
        let core = self.handle.core();
        core.write(move |log, _| log.put_reader(&name, &cursor)).await
    }

    /// Reads and verifies up to where the relay's log ends now; returns the place. This member has the newest key by then, if there
    /// is one for it, and members who wait for a key get it before this returns, if this one has it.
    ///
    /// # Errors
    /// [`Error::Network`] without a connection, [`Error::Integrity`] if a check fails.
    pub async fn sync(&self) -> Result<Cursor, Error> {
        self.handle.core().catch_up().await?;
        self.handle.core().notice_membership().await;
        holder::hold_now(self.handle.core()).await;
        missing::answer_now(self.handle.core()).await;
        Ok(self.verified())
    }

    /// Up to where this device has verified the log.
    #[must_use]
    pub fn verified(&self) -> Cursor {
        self.handle.core().progress().borrow().cursor
    }

    /// The verified root at a place; `None` beyond [`Self::verified`].
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn root_at(&self, seq: u64) -> Result<Option<Root>, Error> {
        self.handle.core().read(move |log| log.root_at(seq)).await
    }

    /// What raised alarms about this space on this device, oldest first; the last few are kept.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn evidence(&self) -> Result<Vec<Evidence>, Error> {
        self.handle.core().read(|log| log.evidence()).await
    }

    /// Which other device of a member was heard last, and when: those who follow the space tell each other every
    /// [`crate::ClientConfig::heartbeat`] that they are there, through the relay, which cannot tell that from other signals.
    #[must_use]
    pub fn heard(&self) -> watch::Receiver<Option<Heard>> {
        self.handle.core().heartbeats.heard()
    }

    /// For how long nobody was heard, once that is three times what it takes: they are all gone, or the relay keeps them from this device.
    /// `None` as long as somebody is there, and where nobody ever was.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        let core = self.handle.core();
        let config = &core.client.config;
        core.heartbeats
            .silent_for(config.clock.unix_ms(), config.heartbeat)
    }

    /// The members that the verified control chain proves, by principal id. Reads the log first, if nothing was read yet.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        self.read_once().await?;
        let core = self.handle.core();
        core.with_fold(|fold| fold.chain().members().cloned().collect())
            .await
    }

    /// Who accepted an invite and waits for approval, by principal id.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub async fn applicants(&self) -> Result<Vec<Applicant>, Error> {
        self.read_once().await?;
        let core = self.handle.core();
        core.with_fold(|fold| fold.chain().applicants().cloned().collect())
            .await
    }

    /// The current epoch; 0 before the first key.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub async fn epoch(&self) -> Result<u64, Error> {
        self.read_once().await?;
        Ok(self.handle.core().current_epoch().await?.map_or(0, |at| at.epoch))
    }

    /// Whether this member has the current key, and content does not wait for a new one: it can write and read.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub async fn has_key(&self) -> Result<bool, Error> {
        self.read_once().await?;
        let core = self.handle.core();
        if core.with_fold(|fold| fold.chain().waits_for_rekey()).await? {
            return Ok(false);
        }
        match core.current_key().await {
            Ok(_) => Ok(true),
            Err(Error::NoKey { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Adds a person whose fingerprint was confirmed. Does nothing if they are a member already.
    ///
    /// # Errors
    /// [`Error::Refused`] if this member may not, [`Error::Network`] if the outcome is not known: calling it again is safe.
    pub async fn add_member(
        &self,
        contact: &ConfirmedContact,
        capabilities: Capabilities,
    ) -> Result<(), Error> {
        let aim = Added {
            manifest: contact.manifest().clone(),
            capabilities,
        };
        self.achieve(&aim).await
    }

    /// Takes a member out, with a new key for those who stay in the same batch; or turns away who waits for approval. Does
    /// nothing if they are neither.
    ///
    /// # Errors
    /// As [`Self::add_member`].
    pub async fn remove_member(&self, member: PrincipalId) -> Result<(), Error> {
        self.achieve(&Removed { principal_id: member }).await
    }

    /// Puts a person's new keys in the place of the old ones: the new principal gets the old one's capabilities, beside those that
    /// it has if it is a member already; the old one is removed and the space rekeyed, all in one batch. For somebody who has
    /// started over.
    ///
    /// # Errors
    /// As [`Self::add_member`]; [`Error::Usage`] if the old principal is not a member, or is the new one.
    pub async fn replace_member(&self, old: PrincipalId, new: &ConfirmedContact) -> Result<(), Error> {
        if old == new.manifest().id() {
            return Err(Error::usage(
                "these are the keys that the member has already; nothing was changed. Confirm the new ones first",
            ));
        }
        self.sync().await?;
        let member = self
            .core()
            .with_fold(|fold| fold.chain().member(&old).map(|member| member.capabilities));
        let capabilities = member
            .await?
            .ok_or_else(|| Error::usage("the principal to be replaced is not a member"))?;
        let new = Added {
            manifest: new.manifest().clone(),
            capabilities,
        };
        self.achieve(&Replaced { old, new }).await
    }

    /// Gives a member exactly these capabilities.
    ///
    /// # Errors
    /// As [`Self::add_member`].
    pub async fn set_capabilities(
        &self,
        member: PrincipalId,
        capabilities: Capabilities,
    ) -> Result<(), Error> {
        self.achieve(&Granted {
            principal_id: member,
            capabilities,
        })
        .await
    }

    /// What newcomers may read, and for how long contents are kept.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub async fn policy(&self) -> Result<Policy, Error> {
        self.read_once().await?;
        self.handle.core().with_fold(|fold| *fold.chain().policy()).await
    }

    /// Sets what newcomers may read, and for how long contents are kept.
    ///
    /// # Errors
    /// As [`Self::add_member`].
    pub async fn set_policy(&self, policy: Policy) -> Result<(), Error> {
        self.achieve(&PolicySet { policy }).await
    }

    /// Leaves the space. What was read stays on this device; a member who stays gives the space a new key. An agent can leave a
    /// space, too, into which somebody else than its owner has brought it.
    ///
    /// # Errors
    /// As [`Self::add_member`]; [`Error::Refused`] too if nobody who may manage would be left.
    pub async fn leave(&self) -> Result<(), Error> {
        let core = self.handle.core();
        match core.achieve(&Left, &mut entropy::system()).await {
            Err(error) if core.is_not_for_this_agent(&error) => return core.leave_unread().await,
            result => result?,
        }
        core.client.note_end(core.space_id, SpaceEnd::Left).await;
        Ok(())
    }

    /// Deletes the space for everybody, for good: nothing can be written or read at the relay afterwards. What members have
    /// stored stays with them.
    ///
    /// # Errors
    /// As [`Self::add_member`].
    pub async fn delete(&self) -> Result<(), Error> {
        let core = self.handle.core();
        core.achieve(&Deleted, &mut entropy::system()).await?;
        core.client.note_end(core.space_id, SpaceEnd::Deleted).await;
        Ok(())
    }

    /// How far the rekey is that this device is making.
    #[must_use]
    pub fn rekey_progress(&self) -> RekeyProgress {
        self.handle.core().rekeying.now()
    }

    /// Gives the space a new key: everything from then on is sealed under it. Invites whose time is over are closed before.
    ///
    /// # Errors
    /// As [`Self::add_member`].
    pub async fn rekey(&self) -> Result<(), Error> {
        self.sync().await?;
        let from_epoch = self.epoch().await?;
        self.achieve(&Rekeyed { from_epoch }).await
    }

    /// Sends bytes to the members who listen now. They are sealed and signed, and not stored anywhere.
    ///
    /// # Errors
    /// [`Error::Usage`] over [`signal::MAX_SIGNAL`] bytes, [`Error::Network`] without a connection.
    pub async fn signal(&self, body: &[u8]) -> Result<(), Error> {
        self.read_once().await?;
        signal::send(&self.handle, body).await
    }

    /// Signals of the members from now on.
    #[must_use]
    pub fn signals(&self) -> Signals {
        signal::signals(Arc::clone(&self.handle))
    }

    /// Makes `aim` true and pins where the log then stood, for the owner's other devices.
    pub(super) async fn achieve(&self, aim: &impl Aim) -> Result<(), Error> {
        let core = self.handle.core();
        core.achieve(aim, &mut entropy::system()).await?;
        self.pin().await;
        Ok(())
    }

    /// Pins the verified place, where that is possible.
    pub(super) async fn pin(&self) {
        if let Err(error) = self.handle.core().pin().await {
            tracing::warn!(error = %error, "the verified place was not pinned in the keystore");
        }
    }

    pub(super) async fn read_once(&self) -> Result<(), Error> {
        if self.verified().seq == 0 {
            self.sync().await?;
        }
        Ok(())
    }
}
