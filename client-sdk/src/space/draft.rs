//! Records that are to be written together: each is held against the rules of the chain as it will be then, before anything
//! is sent.

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_protocol::chain::{Capabilities, ChainError, ControlChain, Fence, Invite};
use sealpost_protocol::control::{ParsedControl, sign_control};
use sealpost_protocol::fold;
use sealpost_protocol::ids::EventId;
use sealpost_protocol::root::Cursor;
use sealpost_protocol::wire::control_record::Body;
use sealpost_protocol::wire::{RevokeInvite, SignedControl, Wrap};

use super::core::SpaceCore;
use super::wraps::{rekey_body, wrap_to_all};
use crate::epoch::{EpochKey, EpochRef, seal_previous};
use crate::error::{Error, Refusal};

/// What is to be staged and then sent in one batch.
pub(super) struct Draft<'a> {
    core: &'a SpaceCore,
    /// As it will be after the records so far.
    chain: ControlChain,
    seen: Cursor,
    records: Vec<SignedControl>,
    staged: Vec<Staged>,
    new_key: Option<EpochKey>,
    is_step: bool,
}

/// Wraps of one epoch that must lie beside the log first.
pub(super) struct Staged {
    pub(super) at: EpochRef,
    pub(super) wraps: Vec<Wrap>,
    /// Of a rekey, whose progress they count for.
    pub(super) of_rekey: bool,
}

/// A draft, ready to be sent.
pub(super) struct Batch {
    pub(super) records: Vec<SignedControl>,
    pub(super) staged: Vec<Staged>,
    /// Where its last record will stand in the chain.
    pub(super) last: (u64, EventId),
    /// The secret that it brings in.
    pub(super) new_key: Option<EpochKey>,
    /// Whether more is to be done after it.
    pub(super) is_step: bool,
}

impl<'a> Draft<'a> {
    /// Nothing yet, behind the verified head.
    pub(super) async fn begin(core: &'a SpaceCore) -> Result<Self, Error> {
        let (chain, seen) = core
            .with_fold(|fold| (fold.chain().clone(), fold.cursor()))
            .await?;
        Ok(Self {
            core,
            chain,
            seen,
            records: Vec::new(),
            staged: Vec::new(),
            new_key: None,
            is_step: false,
        })
    }

    /// The chain as it will be after the records so far.
    pub(super) fn chain(&self) -> &ControlChain {
        &self.chain
    }

    /// Signs the next record.
    ///
    /// # Errors
    /// [`Error::Refused`] if the rules do not let this member write it.
    pub(super) fn add(&mut self, body: Body) -> Result<(), Error> {
        let me = &self.core.client.identity;
        let link = self.chain.next_link(self.seen);
        let record = sign_control(&link, &me.id(), body, me.signing_key());
        let parsed = ParsedControl::parse(&record).map_err(|error| Error::usage(error.to_string()))?;
        self.chain.append(&parsed).map_err(denied)?;
        self.records.push(record);
        Ok(())
    }

    /// Has a wrap of `key` lie beside the log before the records are sent.
    pub(super) fn stage(&mut self, key: &EpochKey, wrap: Wrap) {
        self.staged.push(Staged {
            at: *key.at(),
            wraps: vec![wrap],
            of_rekey: false,
        });
    }

    /// Brings in a new secret for exactly the recipients that the chain will have; the previous one goes with it where
    /// history is shared.
    pub(super) async fn rekey(&mut self, rng: &mut impl CryptoRng) -> Result<(), Error> {
        let epoch = self.chain.epoch_number();
        let key = EpochKey::generate(self.core.space_id, epoch + 1, rng);
        let sealed_previous = if self.chain.policy().share_history && epoch > 0 {
            seal_previous(&key, &*self.core.current_key().await?, rng)
        } else {
            Bytes::new()
        };
        let recipients = self.chain.recipients();
        let (key, wraps) = wrap_to_all(key, recipients, self.core.rekeying.clone()).await;
        self.add(Body::Rekey(rekey_body(&key, &wraps, sealed_previous)))?;
        self.staged.push(Staged {
            at: *key.at(),
            wraps,
            of_rekey: true,
        });
        self.new_key = Some(key);
        Ok(())
    }

    /// Closes the invites whose time is over, as far as this member may: its own, and for a manager all. The chain knows no
    /// clock: a rekey would wrap to them for ever.
    pub(super) fn close_expired_invites(&mut self) -> Result<(), Error> {
        let now_s = self.core.client.config.clock.unix_ms() / 1000;
        let me = self.core.me();
        let member = self.chain.member(&me);
        let manages = member.is_some_and(|member| member.may(Capabilities::MANAGE));
        let is_over = |invite: &&Invite| {
            let may = manages || invite.created_by == me;
            may && (1..=now_s).contains(&invite.expires_at_s)
        };
        let expired = self.chain.invites().filter(is_over);
        let keys: Vec<_> = expired.map(|invite| *invite.key.as_bytes()).collect();
        for key in keys {
            let invite_key = Bytes::copy_from_slice(&key);
            self.add(Body::RevokeInvite(RevokeInvite { invite_key }))?;
        }
        Ok(())
    }

    /// Brings in a new secret if content would wait for one.
    pub(super) async fn rekey_if_fenced(&mut self, rng: &mut impl CryptoRng) -> Result<(), Error> {
        match self.chain.fence() {
            Fence::None => Ok(()),
            _ => self.rekey(rng).await,
        }
    }

    /// What is drafted does not yet do it: the aim is looked at again afterwards.
    pub(super) fn with_more_to_do(mut self) -> Self {
        self.is_step = true;
        self
    }

    /// What is to be sent; `None` if that is nothing.
    pub(super) fn finish(self) -> Option<Batch> {
        (!self.records.is_empty()).then(|| Batch {
            last: (self.chain.index(), self.chain.head()),
            records: self.records,
            staged: self.staged,
            new_key: self.new_key,
            is_step: self.is_step,
        })
    }
}

/// A rule that the own verified chain has already.
fn denied(error: ChainError) -> Error {
    let message = match &error {
        ChainError::NotAMember => return Refusal::no_longer_a_member().into(),
        ChainError::Tombstoned => return Refusal::tombstoned().into(),
        ChainError::NotPermitted => "this account lacks the capability for that in the space".to_owned(),
        other => other.to_string(),
    };
    Refusal::by_the_rules(fold::Refusal::from(error).code(), message).into()
}
