//! The log, as blobs ask it.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sealpost_protocol::ids::{PrincipalId, SpaceId};

use super::ports::BlobSpaces;
use crate::log::{LogError, LogService, MemberStanding};
use crate::spaces::Party;

impl BlobSpaces for LogService {
    fn standing(
        &self,
        party: Party,
        principal: PrincipalId,
        space: SpaceId,
    ) -> BoxFuture<'_, Result<MemberStanding, LogError>> {
        self.member_standing(party, principal, space).boxed()
    }
}
