//! What the HTTP API calls.

use std::sync::Arc;

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::ids::{BlobId, PrincipalId, SpaceId};
use time::OffsetDateTime;

use super::ports::{BlobLedger, BlobRow, BlobSpaces, BlobState, BlobStorage};
use super::turns::Turns;
use super::{BlobError, BlobKeeper, BlobSettings};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::log::MemberStanding;
use crate::spaces::Party;

/// What blobs work with.
#[derive(Clone)]
pub struct BlobParts {
    /// What is stored, and whose.
    pub ledger: Arc<dyn BlobLedger>,
    /// Where.
    pub storage: Arc<dyn BlobStorage>,
    /// Who knows the members.
    pub spaces: Arc<dyn BlobSpaces>,
    /// Dates rows.
    pub clock: Arc<dyn Clock>,
    /// Draws names.
    pub entropy: Arc<dyn Entropy>,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose account's quota pays, and whose rate counts.
    pub party: Party,
    /// The principal whose membership counts.
    pub principal: PrincipalId,
}

/// All blobs of this relay. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct BlobService {
    pub(super) parts: BlobParts,
    pub(super) settings: BlobSettings,
    pub(super) completing: Arc<Turns>,
}

impl BlobService {
    /// With this ledger and storage.
    #[must_use]
    pub fn new(parts: BlobParts, settings: BlobSettings) -> Self {
        Self {
            parts,
            settings,
            completing: Arc::default(),
        }
    }

    /// Who keeps ledger and storage in step.
    #[must_use]
    pub fn keeper(&self) -> BlobKeeper {
        BlobKeeper {
            ledger: Arc::clone(&self.parts.ledger),
            storage: Arc::clone(&self.parts.storage),
            clock: Arc::clone(&self.parts.clock),
            settings: self.settings,
        }
    }

    /// What every address begins with.
    #[must_use]
    pub fn url_prefix(&self) -> &str {
        self.parts.storage.url_prefix()
    }

    /// What an operator decided.
    #[must_use]
    pub fn settings(&self) -> &BlobSettings {
        &self.settings
    }

    pub(super) async fn standing(&self, caller: Caller, space: SpaceId) -> Result<MemberStanding, BlobError> {
        let spaces = &self.parts.spaces;
        Ok(spaces.standing(caller.party, caller.principal, space).await?)
    }

    /// Where somebody stands who may write now.
    pub(super) async fn writer(&self, caller: Caller, space: SpaceId) -> Result<MemberStanding, BlobError> {
        let standing = self.standing(caller, space).await?;
        if !standing.capabilities.contains(Capabilities::WRITE) {
            return Err(BlobError::NotPermitted);
        }
        Ok(standing)
    }

    /// The caller's own blob. One that nobody has yet, and somebody else's, are not found alike.
    pub(super) async fn own(
        &self,
        caller: Caller,
        standing: MemberStanding,
        blob_id: BlobId,
    ) -> Result<BlobRow, BlobError> {
        let blob = self.parts.ledger.blob(standing.space, blob_id).await?;
        blob.filter(|blob| blob.principal == caller.principal)
            .ok_or(BlobError::NotFound)
    }

    /// Notes until when something may come into the storage: what is swept before would come back behind the sweep.
    pub(super) async fn hold_off_the_sweep(
        &self,
        blob: &BlobRow,
        until: OffsetDateTime,
    ) -> Result<(), BlobError> {
        let now = self.parts.clock.now();
        let ledger = &self.parts.ledger;
        let noted = ledger.note_parts(blob.space, blob.blob_id, until, now);
        noted.await?.then_some(()).ok_or(BlobError::Expired)
    }
}

/// That an upload still goes on.
pub(super) fn check_goes_on(blob: &BlobRow) -> Result<(), BlobError> {
    match blob.state {
        BlobState::Reserved => Ok(()),
        BlobState::Uploaded | BlobState::Referenced => Err(BlobError::Conflict),
        BlobState::Tombstoned | BlobState::Swept => Err(BlobError::Expired),
    }
}
