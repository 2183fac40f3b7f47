use sealpost_protocol::ids::AccountId;
use time::OffsetDateTime;

use crate::directory::ids::AuditId;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditAction {
    /// The account was registered.
    Registered,
    /// A device logged in with the passphrase.
    LoggedIn,
    /// A device logged in with the recovery code.
    LoggedInByRecoveryCode,
    /// A device that another one let in logged in.
    LoggedInByApproval,
    /// The account let a new device in.
    DeviceApproved,
    /// A session was ended by its account.
    SessionEnded,
    /// The account made a pairing code for an agent.
    PairingBegun,
    /// An agent used a pairing code.
    AgentEnrolled,
    /// An agent logged in.
    AgentLoggedIn,
    /// An agent was revoked by its account.
    AgentRevoked,
    /// Passphrase, recovery code or both were changed, with the keystore.
    CredentialsChanged,
    /// The owner started over with new keys.
    StartedOver,
    /// The operator disabled the account.
    AccountDisabled,
    /// The operator enabled the account again.
    AccountEnabled,
    /// The operator deleted an account.
    AccountDeleted,
    /// An account was deleted by its owner.
    AccountDeletedByOwner,
}

impl AuditAction {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::LoggedIn => "logged_in",
            Self::LoggedInByRecoveryCode => "logged_in_by_recovery_code",
            Self::LoggedInByApproval => "logged_in_by_approval",
            Self::DeviceApproved => "device_approved",
            Self::SessionEnded => "session_ended",
            Self::PairingBegun => "pairing_begun",
            Self::AgentEnrolled => "agent_enrolled",
            Self::AgentLoggedIn => "agent_logged_in",
            Self::AgentRevoked => "agent_revoked",
            Self::CredentialsChanged => "credentials_changed",
            Self::StartedOver => "started_over",
            Self::AccountDisabled => "account_disabled",
            Self::AccountEnabled => "account_enabled",
            Self::AccountDeleted => "account_deleted",
            Self::AccountDeletedByOwner => "account_deleted_by_owner",
        }
    }
}

/// An entry of the audit log, written in the transaction of what it tells.
pub struct NewAuditEntry {
    /// Its name.
    pub entry_id: AuditId,
    /// Whose account; none once it is deleted.
    pub account_id: Option<AccountId>,
    /// What happened.
    pub action: AuditAction,
    /// To what, sealed.
    pub details_sealed: Option<Vec<u8>>,
    /// Now.
    pub created_at: OffsetDateTime,
}
