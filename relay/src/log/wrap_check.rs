//! That a control record names exactly the wraps that its author staged.

use sealpost_protocol::chain::ControlChain;
use sealpost_protocol::control::ParsedControl;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{KeyId, PrincipalId};
use sealpost_protocol::manifest::Manifest;
use sealpost_protocol::wire::{self, control_record::Body};
use sealpost_protocol::wrap::wraps_digest;

use super::ports::{LogStore, NamedWraps, SpaceNumber, StagedWrap};
use crate::store_failure::StoreFailure;

/// The staged wraps that `record` names, which would take the place `seq`; `None` if it names others than are staged.
/// What is wrong with the record otherwise is for the chain to say.
pub(super) async fn named_wraps(
    store: &dyn LogStore,
    space: SpaceNumber,
    chain: &ControlChain,
    record: &ParsedControl,
    seq: u64,
) -> Result<Option<Vec<NamedWraps>>, StoreFailure> {
    let Some(claim) = Claim::of(chain, record) else {
        return Ok(Some(Vec::new()));
    };
    let staged = store.staged(space, claim.staged).await?;
    let named = claim.named(chain, staged).map(|wraps| NamedWraps {
        staged: claim.staged,
        wraps,
        by_seq: seq,
    });
    Ok(named.map(|named| vec![named]))
}

struct Claim {
    staged: StagedWrap,
    of: ClaimOf,
}

enum ClaimOf {
    /// One wrap for each recipient that the chain demands, with this digest.
    All(Digest32),
    /// This wrap for this newcomer.
    One(PrincipalId, Digest32),
}

impl Claim {
    /// What a record says of wraps; `None` if it says nothing that could be compared.
    fn of(chain: &ControlChain, record: &ParsedControl) -> Option<Self> {
        match &record.body {
            Body::Rekey(rekey) => Self::of_rekey(rekey, record.author),
            Body::AddMember(add) => Self::of_add(chain, add, record.author),
            _ => None,
        }
    }

    fn of_rekey(rekey: &wire::Rekey, staged_by: PrincipalId) -> Option<Self> {
        Some(Self {
            staged: StagedWrap {
                epoch: (rekey.epoch > 0).then_some(rekey.epoch)?,
                key_id: KeyId::try_from(&rekey.key_id[..]).ok()?,
                staged_by,
            },
            of: ClaimOf::All(rekey.wraps_digest[..].try_into().ok()?),
        })
    }

    fn of_add(chain: &ControlChain, add: &wire::AddMember, staged_by: PrincipalId) -> Option<Self> {
        let epoch = chain.epoch()?;
        let newcomer = Manifest::parse(&add.manifest).ok()?.id();
        Some(Self {
            staged: StagedWrap {
                epoch: epoch.number,
                key_id: epoch.key_id,
                staged_by,
            },
            of: ClaimOf::One(newcomer, add.wrap_hash[..].try_into().ok()?),
        })
    }

    /// Those of the staged wraps, which are sorted by recipient, that it names; `None` if it is not true of them.
    fn named(
        &self,
        chain: &ControlChain,
        staged: Vec<(PrincipalId, Digest32)>,
    ) -> Option<Vec<(PrincipalId, Digest32)>> {
        match self.of {
            ClaimOf::All(digest) => {
                let wanted = chain.recipients().into_iter().map(|recipient| recipient.id());
                let recipients = staged.iter().map(|(recipient, _)| *recipient);
                let holds = wanted.eq(recipients) && wraps_digest(&staged) == digest;
                holds.then_some(staged)
            }
            ClaimOf::One(newcomer, hash) => {
                let wrap = (newcomer, hash);
                staged.contains(&wrap).then(|| vec![wrap])
            }
        }
    }
}
