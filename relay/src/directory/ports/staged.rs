use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use time::OffsetDateTime;

use super::{
    KeystoreRefusal, KeystoreRules, NewAuditEntry, NewKeystoreVersion, NewPrincipal, NewRecoveryKey, Stored,
    StoredOr,
};
use crate::directory::ids::StageId;

/// A change to be staged.
pub struct NewStage {
    /// Whose.
    pub account_id: AccountId,
    /// Its name.
    pub stage_id: StageId,
    /// The session that stages it, and that alone goes on with it.
    pub session_id: SessionId,
    /// The keystore version that it replaces.
    pub base_version: u64,
    /// The new keystore, sealed.
    pub keystore_sealed: Vec<u8>,
    /// The new OPAQUE record, sealed, where the passphrase changes.
    pub record_sealed: Option<Vec<u8>>,
    /// The new recovery login key, where that changes.
    pub recovery_key: Option<NewRecoveryKey>,
    /// The new principal, where the owner starts over.
    pub principal: Option<StagedPrincipal>,
    /// Now.
    pub staged_at: OffsetDateTime,
    /// From when on it cannot be committed.
    pub expires_at: OffsetDateTime,
}

/// A staged change as stored.
pub struct StageRow {
    /// Its name.
    pub stage_id: StageId,
    /// The keystore version that it replaces.
    pub base_version: u64,
    /// The new keystore, sealed.
    pub keystore_sealed: Vec<u8>,
    /// The new OPAQUE record, sealed, where the passphrase changes.
    pub record_sealed: Option<Vec<u8>>,
    /// The new recovery login key, sealed, where that changes.
    pub recovery_key_sealed: Option<Vec<u8>>,
    /// The new principal, where the owner starts over.
    pub principal: Option<StagedPrincipal>,
    /// Whether the new record was asked for, where there is one.
    pub verified: bool,
}

/// A principal that is to take the place of an account's.
pub struct StagedPrincipal {
    /// Its id.
    pub principal_id: PrincipalId,
    /// The signed manifest, sealed for its place among the principals.
    pub manifest_sealed: Vec<u8>,
}

/// What a commit writes. The keystore goes through [`NewKeystoreVersion`].
pub struct CommitStaged {
    /// The stage, which must be there still.
    pub stage_id: StageId,
    /// The new keystore.
    pub keystore: NewKeystoreVersion,
    /// The credential version that record and key were sealed against; theirs is the next one.
    pub base_credential_version: u64,
    /// The OPAQUE record from now on, sealed.
    pub record_sealed: Vec<u8>,
    /// The recovery login key from now on.
    pub recovery_key: NewRecoveryKey,
    /// The principal from now on, where the owner starts over: the one before is revoked, and so are all agents.
    pub principal: Option<NewPrincipal>,
    /// The session that staged it. It outlives a new principal; all others end.
    pub session_id: SessionId,
    /// What to note down.
    pub audit: NewAuditEntry,
}

/// Why a change was not staged or not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagedRefusal {
    /// The keystore or the credentials were changed meanwhile, or another change was staged.
    Conflict,
    /// The keystore could not be replaced.
    Keystore(KeystoreRefusal),
    /// The session ended meanwhile.
    SessionEnded,
    /// The new principal is known already.
    PrincipalTaken,
    /// The recovery login key belongs to somebody else.
    KeyTaken,
}

impl From<KeystoreRefusal> for StagedRefusal {
    fn from(refusal: KeystoreRefusal) -> Self {
        Self::Keystore(refusal)
    }
}

/// Staged changes, at most one per account.
pub trait StagedStore: Send + Sync {
    /// Stages a change in the place of an earlier one, whosever that was, if `base_version` is current.
    fn stage<'a>(&'a self, stage: &'a NewStage) -> StoredOr<'a, (), StagedRefusal>;

    /// The change that a session has staged, unless it is past its time or another session staged one since.
    fn staged(
        &self,
        account_id: AccountId,
        session_id: SessionId,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<StageRow>>;

    /// Notes down that the staged record was asked for; `false` if the stage is gone.
    fn mark_stage_verified(&self, account_id: AccountId, stage_id: StageId) -> Stored<'_, bool>;

    /// Puts keystore, record and recovery key in force together, drops the stage and the keystore versions that need not
    /// be kept, and voids open pairing codes and approvals of devices that have not come yet.
    fn commit_staged<'a>(
        &'a self,
        commit: &'a CommitStaged,
        rules: KeystoreRules,
    ) -> StoredOr<'a, (), StagedRefusal>;
}
