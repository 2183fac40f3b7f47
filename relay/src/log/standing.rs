//! Where a member stands, for who keeps something beside the log for the members of a space.

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::ids::{PrincipalId, SpaceId};

use super::ports::SpaceNumber;
use super::service::sync;
use super::{LogError, LogService};
use crate::spaces::Party;

/// Where a member stands in a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberStanding {
    /// The space's number.
    pub space: SpaceNumber,
    /// What the member may do.
    pub capabilities: Capabilities,
    /// The last place of the log.
    pub head_seq: u64,
}

impl LogService {
    /// Where a principal stands in a space, as the database has it now: no hint is waited for, so nobody is served whose removal
    /// was acked before, wherever.
    ///
    /// # Errors
    /// [`LogError::NotAMember`], [`LogError::Tombstoned`], [`LogError::RateLimited`].
    pub async fn member_standing(
        &self,
        party: Party,
        principal: PrincipalId,
        space_id: SpaceId,
    ) -> Result<MemberStanding, LogError> {
        let _turn = self.shared.look_ups.turn(party).await?;
        let space = self.shared.spaces.get(space_id);
        sync(&self.shared, &space, false).await?;
        let view = space.view().ok_or(LogError::NotAMember)?;
        view.check_lives()?;
        Ok(MemberStanding {
            space: view.number,
            capabilities: view.membership.capabilities(&principal)?,
            head_seq: view.head.seq,
        })
    }
}
