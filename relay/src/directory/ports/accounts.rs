use sealpost_protocol::ids::{AccountId, PrincipalId};
use time::OffsetDateTime;

use super::{NewAuditEntry, NewPrincipal, NewSession, Stored, StoredOr};
use crate::atrest::BlindIndexValue;

/// Whether an account may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// It may.
    Active,
    /// The operator says no.
    Disabled,
}

impl AccountState {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The state with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Disabled]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// A recovery login key to be stored.
pub struct NewRecoveryKey {
    /// Its blind index.
    pub index: BlindIndexValue,
    /// The key, sealed.
    pub sealed: Vec<u8>,
}

/// Everything that a new account consists of. Its keystore is version 1, its credentials too.
pub struct NewAccount {
    /// Its id.
    pub account_id: AccountId,
    /// Keyed hash of the registration token; none where registration is open.
    pub token_hash: Option<BlindIndexValue>,
    /// Blind index of the handle.
    pub handle_index: BlindIndexValue,
    /// The handle, sealed.
    pub handle_sealed: Vec<u8>,
    /// The OPAQUE record, sealed.
    pub record_sealed: Vec<u8>,
    /// The recovery login key.
    pub recovery_key: NewRecoveryKey,
    /// The keystore, sealed.
    pub keystore_sealed: Vec<u8>,
    /// The person's principal.
    pub principal: NewPrincipal,
    /// The session of the device that registers.
    pub session: NewSession,
    /// What to note down.
    pub audit: NewAuditEntry,
    /// Now.
    pub created_at: OffsetDateTime,
}

/// Why an account was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationRefusal {
    /// The token is unknown, used up, revoked or expired.
    TokenInvalid,
    /// The handle belongs to somebody.
    HandleTaken,
    /// The recovery login key or the principal belongs to somebody: a client with broken randomness.
    KeyTaken,
}

/// An account as stored.
pub struct AccountRow {
    /// Its id.
    pub account_id: AccountId,
    /// The handle, sealed.
    pub handle_sealed: Vec<u8>,
    /// Counts the changes of record and recovery key.
    pub credential_version: u64,
    /// The OPAQUE record, sealed.
    pub record_sealed: Vec<u8>,
    /// The recovery login key, sealed.
    pub recovery_key_sealed: Vec<u8>,
    /// The person's principal.
    pub principal_id: PrincipalId,
    /// The current version of the keystore.
    pub keystore_version: u64,
    /// Whether it may log in.
    pub state: AccountState,
}

/// An account as an operator lists it.
pub struct AccountSummary {
    /// Its id.
    pub account_id: AccountId,
    /// The handle, sealed.
    pub handle_sealed: Vec<u8>,
    /// Whether it may log in.
    pub state: AccountState,
    /// When it was registered.
    pub created_at: OffsetDateTime,
}

/// Accounts.
pub trait AccountStore: Send + Sync {
    /// Uses up one use of the token and makes the account with all that belongs to it.
    fn register<'a>(&'a self, account: &'a NewAccount) -> StoredOr<'a, (), RegistrationRefusal>;

    /// The account with that handle.
    fn account_by_handle(&self, handle_index: BlindIndexValue) -> Stored<'_, Option<AccountRow>>;

    /// The account with that recovery login key, and the version of its credentials.
    fn account_by_recovery_key(&self, key_index: BlindIndexValue) -> Stored<'_, Option<(AccountId, u64)>>;

    /// The account with that id.
    fn account(&self, account_id: AccountId) -> Stored<'_, Option<AccountRow>>;

    /// Bytes that count against the account's quota: its keystores and the spaces that it made.
    fn stored_bytes(&self, account_id: AccountId) -> Stored<'_, u64>;

    /// Up to `limit` accounts with ids above `after`, in the order of their ids.
    fn accounts_page(&self, after: Option<AccountId>, limit: u32) -> Stored<'_, Vec<AccountSummary>>;

    /// Sets the state; `false` if there is no such account.
    fn set_account_state<'a>(
        &'a self,
        account_id: AccountId,
        state: AccountState,
        audit: &'a NewAuditEntry,
    ) -> Stored<'a, bool>;

    /// Deletes the account with all that belongs to it, and hands its spaces to `estate`, an id that stands for nobody and
    /// is bound by the same quota; `false` if there is no such account.
    fn delete_account<'a>(
        &'a self,
        account_id: AccountId,
        estate: AccountId,
        audit: &'a NewAuditEntry,
    ) -> Stored<'a, bool>;
}
