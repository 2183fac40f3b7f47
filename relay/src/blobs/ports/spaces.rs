//! Who may do what in a space.

use futures_util::future::BoxFuture;
use sealpost_protocol::ids::{PrincipalId, SpaceId};

use crate::log::{LogError, MemberStanding};
use crate::spaces::Party;

/// Who knows the members of spaces.
pub trait BlobSpaces: Send + Sync {
    /// Where a principal of this account stands, as the database has it now.
    ///
    /// # Errors
    /// [`LogError::NotAMember`]; [`LogError::Tombstoned`]; that it asks too often, or what it needs does not answer.
    fn standing(
        &self,
        party: Party,
        principal: PrincipalId,
        space: SpaceId,
    ) -> BoxFuture<'_, Result<MemberStanding, LogError>>;
}
