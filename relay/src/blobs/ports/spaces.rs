//! Who may do what in a space.

use futures_util::future::BoxFuture;
use sealpost_protocol::ids::{PrincipalId, SpaceId};

use crate::log::{LogError, ports::SpaceNumber};
use crate::spaces::Party;

/// Where a member stands in a space now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The space's number.
    pub space: SpaceNumber,
    /// Whether the member may write.
    pub may_write: bool,
    /// Whether the member manages.
    pub may_manage: bool,
    /// The last place of the log.
    pub head_seq: u64,
}

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
    ) -> BoxFuture<'_, Result<Standing, LogError>>;
}
