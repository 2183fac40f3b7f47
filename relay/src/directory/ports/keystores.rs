use sealpost_protocol::ids::AccountId;
use time::OffsetDateTime;

use super::{Stored, StoredOr};

/// A keystore version to be stored.
pub struct NewKeystoreVersion {
    /// Whose.
    pub account_id: AccountId,
    /// The version it replaces; its own is the next one.
    pub base_version: u64,
    /// The keystore, sealed for its own version.
    pub sealed: Vec<u8>,
    /// Now.
    pub created_at: OffsetDateTime,
}

/// A keystore version as stored.
pub struct KeystoreRow {
    /// Its number.
    pub version: u64,
    /// The keystore, sealed.
    pub sealed: Vec<u8>,
    /// When it was stored.
    pub created_at: OffsetDateTime,
}

/// A keystore version as listed.
pub struct KeystoreItem {
    /// Its number.
    pub version: u64,
    /// Length of the sealed bytes.
    pub sealed_length: u64,
    /// When it was stored.
    pub created_at: OffsetDateTime,
}

/// What is kept of an account's versions, and how much it may add.
#[derive(Clone, Copy, Debug)]
pub struct KeystoreRules {
    /// So many of the last versions are kept, however old.
    pub kept: u64,
    /// And every version that was current at this time or later.
    pub kept_since: OffsetDateTime,
    /// Versions are counted from this time on.
    pub counted_since: OffsetDateTime,
    /// So many may have been added since.
    pub versions: u64,
    /// Bytes that all versions together may have.
    pub bytes: u64,
}

/// Why a keystore was not replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeystoreRefusal {
    /// Another version than the named one is current.
    Conflict,
    /// Too many were added since the time from which they are counted; the first of them at this time.
    TooMany {
        /// When.
        first: OffsetDateTime,
    },
    /// The kept versions would have too many bytes together.
    TooLarge,
}

/// Keystores.
pub trait KeystoreStore: Send + Sync {
    /// The current version.
    fn current_keystore(&self, account_id: AccountId) -> Stored<'_, Option<KeystoreRow>>;

    /// One of the kept versions.
    fn keystore_version(&self, account_id: AccountId, version: u64) -> Stored<'_, Option<KeystoreRow>>;

    /// The kept versions, newest first.
    fn keystore_history(&self, account_id: AccountId) -> Stored<'_, Vec<KeystoreItem>>;

    /// Makes `new` the current version if `base_version` still is, and drops what need not be kept.
    fn replace_keystore<'a>(
        &'a self,
        new: &'a NewKeystoreVersion,
        rules: KeystoreRules,
    ) -> StoredOr<'a, (), KeystoreRefusal>;
}
