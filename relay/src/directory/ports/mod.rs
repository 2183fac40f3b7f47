//! What the directory needs of a store: one trait per table family, each method one transaction.
//!
//! Everything that goes in or comes out is sealed or blinded, except ids, versions, states and times.

mod accounts;
mod agents;
mod approvals;
mod attempts;
mod audit;
mod keystores;
mod principals;
mod relay_state;
mod sessions;
mod staged;
mod tokens;

use futures_util::future::BoxFuture;

pub use accounts::{
    AccountRow, AccountState, AccountStore, AccountSummary, NewAccount, NewRecoveryKey, RegistrationRefusal,
};
pub use agents::{
    AgentRow, AgentStore, EnrollRefusal, HasName, NewAgent, NewPairingCode, PairingCodeRow, PairingRefusal,
};
pub use approvals::{
    ApprovalStore, ApprovedRequestRow, ClaimedRequest, DeviceRequestRefusal, DeviceRequestRow,
    ExpectedDeviceRow, NewApproval, NewDeviceRequest,
};
pub use attempts::{AttemptPurpose, AttemptStore, NewAttempt, SweptRows};
pub use audit::{AuditAction, NewAuditEntry};
pub use keystores::{
    KeystoreItem, KeystoreRefusal, KeystoreRow, KeystoreRules, KeystoreStore, NewKeystoreVersion,
};
pub use principals::{NewPrincipal, PrincipalStore};
pub use relay_state::{RelaySecret, RelayStateStore};
pub use sessions::{NewSession, SessionRow, SessionStore};
pub use staged::{CommitStaged, NewStage, StageRow, StagedPrincipal, StagedRefusal, StagedStore};
pub use tokens::{NewToken, TokenRow, TokenStore};

use crate::store_failure::{StoreError, StoreFailure};

/// What a method of a store returns that cannot refuse.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreFailure>>;

/// What a method of a store returns that can refuse.
pub type StoredOr<'a, T, R> = BoxFuture<'a, Result<T, StoreError<R>>>;

/// All of them.
pub trait DirectoryStore:
    AccountStore
    + AgentStore
    + ApprovalStore
    + AttemptStore
    + KeystoreStore
    + PrincipalStore
    + RelayStateStore
    + SessionStore
    + StagedStore
    + TokenStore
{
}

impl<S> DirectoryStore for S where
    S: AccountStore
        + AgentStore
        + ApprovalStore
        + ApprovalStore
        + AttemptStore
        + KeystoreStore
        + PrincipalStore
        + RelayStateStore
        + SessionStore
        + StagedStore
        + TokenStore
{
}
