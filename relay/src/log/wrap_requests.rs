//! Members without a usable wrap ask for another one.

use std::sync::Arc;

use sealpost_protocol::ids::SpaceId;
use sealpost_protocol::{limits, wire};

use super::signals::{Live, LiveSignal};
use super::{LogError, LogService};
use crate::spaces::AuthenticatedPrincipal;

/// Epochs for which one member may wait at a time.
const WAITING_PER_MEMBER: u32 = 64;

impl LogService {
    /// Notes that a member has no usable wrap of an epoch, and tells those who listen, here and at other relays.
    ///
    /// # Errors
    /// [`LogError::NotAMember`]; [`LogError::NoWrap`] where there is no such epoch; [`LogError::TooLarge`].
    pub async fn ask_for_wrap(
        &self,
        member: &AuthenticatedPrincipal,
        space_id: SpaceId,
        epoch: u64,
    ) -> Result<(), LogError> {
        self.shared.rates.signal(member.party())?;
        let recipient = member.principal_id();
        let number = self
            .with_view(space_id, |view| {
                view.membership.check_member(&recipient)?;
                let exists = view.membership.key_id(epoch).is_some();
                exists.then_some(view.number).ok_or(LogError::NoWrap)
            })
            .await?;
        let now = self.shared.clock.now();
        let asked = self
            .shared
            .store
            .ask_for_wrap(number, recipient, epoch, WAITING_PER_MEMBER, now);
        if !asked.await? {
            let limit = u64::from(WAITING_PER_MEMBER);
            return Err(LogError::TooLarge { limit });
        }
        let request = wire::WrapRequest {
            epoch,
            recipient: recipient.to_bytes(),
        };
        let live = LiveSignal {
            live: Live::WrapWanted(request),
            sender: (recipient, member.writer_id()),
        };
        self.tell_all(number, space_id, live).await;
        Ok(())
    }

    /// Who waits for a wrap, the oldest request first.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], [`LogError::RateLimited`].
    pub async fn wrap_requests(
        &self,
        member: &AuthenticatedPrincipal,
        space_id: SpaceId,
    ) -> Result<Vec<wire::WrapRequest>, LogError> {
        let _turn = self.shared.look_ups.turn(member.party()).await?;
        let principal = member.principal_id();
        let (number, membership) = self
            .with_view(space_id, |view| {
                view.membership.check_member(&principal)?;
                Ok((view.number, Arc::clone(&view.membership)))
            })
            .await?;
        let limit = u32::try_from(limits::MAX_WRAP_REQUESTS).unwrap_or(u32::MAX);
        let rows = self.shared.store.wrap_requests(number, limit).await?;
        let of_members = rows.into_iter().filter(|row| membership.contains(&row.recipient));
        Ok(of_members
            .map(|row| wire::WrapRequest {
                epoch: row.epoch,
                recipient: row.recipient.to_bytes(),
            })
            .collect())
    }
}
