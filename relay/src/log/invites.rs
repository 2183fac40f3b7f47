//! What the holder of an invite needs before it is a member.

use bytes::Bytes;
use sealpost_protocol::fold::Refusal;
use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::invite::verify_invite_lookup;
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::wire::{self, entry::Kind};

use super::ports::EventRow;
use super::view::{InviteView, View};
use super::{EncodedEntry, LogError, LogService};
use crate::atrest::OpenDataKey;
use crate::spaces::AuthenticatedPrincipal;

/// Records read for one answer.
const CONTROLS: u32 = 128;
/// Sealed bytes of records after which an answer is full. The largest record and a wrap still fit into a frame beside them.
const FULL: usize = 128 << 10;

impl LogService {
    /// The control chain and the wrapped secret, for who proves to hold an open invite.
    ///
    /// # Errors
    /// [`LogError::InviteVoid`] where there is no such invite or no such space; [`LogError::InviteExpired`].
    pub async fn fetch_invite(
        &self,
        joiner: &AuthenticatedPrincipal,
        space_id: SpaceId,
        request: wire::FetchInvite,
    ) -> Result<wire::FetchedInvite, LogError> {
        self.shared.rates.publish(joiner.party(), None, 1)?;
        let key = self.verify_lookup(joiner, space_id, &request).await?;
        let now = self.shared.now_s();
        let looked = self.with_view(space_id, |view| {
            let invite = view.membership.check_invite(&key, &joiner.principal_id(), now)?;
            Ok((view.clone(), invite))
        });
        let (view, invite) = match looked.await {
            Err(LogError::NotAMember) => return Err(LogError::InviteVoid),
            looked => looked?,
        };
        self.answer_lookup(&view, invite.as_ref(), request.after_control_index)
            .await
    }

    async fn verify_lookup(
        &self,
        joiner: &AuthenticatedPrincipal,
        space_id: SpaceId,
        request: &wire::FetchInvite,
    ) -> Result<PublicKey, LogError> {
        let key = PublicKey::parse(&request.invite_key).map_err(Refusal::from)?;
        let (party, joiner) = (joiner.party(), joiner.principal_id());
        let signature = request.signature.clone();
        let check = move || verify_invite_lookup(&key, &space_id, &joiner, &signature);
        let verified = self.shared.verify.run(party, check);
        verified
            .await
            .map_err(|_| LogError::Internal)?
            .map_err(Refusal::from)?;
        Ok(key)
    }

    async fn answer_lookup(
        &self,
        view: &View,
        invite: Option<&InviteView>,
        after: u64,
    ) -> Result<wire::FetchedInvite, LogError> {
        let last = view.membership.control_index();
        let key = self.shared.space_key(view.number).await?;
        let rows = if after < last {
            let page = self
                .shared
                .store
                .controls(view.number, after, view.head.seq, CONTROLS);
            page.await?
        } else {
            Vec::new()
        };
        let controls = self.open_controls(&key, rows)?;
        let reached = after + controls.len() as u64;
        let wrap = match invite {
            Some(invite) if reached >= last => self.invite_wrap(view, &key, invite).await?,
            _ => Bytes::new(),
        };
        Ok(wire::FetchedInvite {
            controls,
            control_index: last,
            wrap,
        })
    }

    fn open_controls(
        &self,
        key: &OpenDataKey,
        rows: Vec<EventRow>,
    ) -> Result<Vec<wire::SignedControl>, LogError> {
        let (mut controls, mut bytes) = (Vec::with_capacity(rows.len()), 0);
        for row in rows {
            let (seq, length) = (row.seq, row.sealed.len());
            if bytes >= FULL {
                break;
            }
            bytes += length;
            let opened = self.shared.cipher.open_entry(key, row).ok();
            match opened
                .as_ref()
                .and_then(EncodedEntry::decode)
                .and_then(|entry| entry.kind)
            {
                Some(Kind::Control(control)) => controls.push(control),
                _ => return Err(LogError::EntryDamaged { seq }),
            }
        }
        Ok(controls)
    }

    async fn invite_wrap(
        &self,
        view: &View,
        key: &OpenDataKey,
        invite: &InviteView,
    ) -> Result<Bytes, LogError> {
        if !invite.carries_secret {
            return Ok(Bytes::new());
        }
        let epoch = view.membership.epoch_number();
        let row = self
            .shared
            .store
            .named_wrap(view.number, epoch, invite.recipient, &[])
            .await?;
        let row = row.ok_or(LogError::NoWrap)?;
        self.open_wrap_row(view.number, key, invite.recipient, row)
    }
}
