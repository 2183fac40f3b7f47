//! The log, as blobs ask it.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::ids::{PrincipalId, SpaceId};

use super::ports::{BlobSpaces, Standing};
use crate::log::{LogError, LogService};
use crate::spaces::Party;

impl BlobSpaces for LogService {
    fn standing(
        &self,
        party: Party,
        principal: PrincipalId,
        space: SpaceId,
    ) -> BoxFuture<'_, Result<Standing, LogError>> {
        async move {
            let member = self.member_standing(party, principal, space).await?;
            Ok(Standing {
                space: member.space,
                may_write: member.capabilities.contains(Capabilities::WRITE),
                may_manage: member.capabilities.contains(Capabilities::MANAGE),
                head_seq: member.head_seq,
            })
        }
        .boxed()
    }
}
