//! An account's private keys and space list, sealed by the client. The relay keeps versions of it.

use std::time::Duration;

use sealpost_protocol::{
    http::{KeystoreHistory, KeystoreHistoryItem, KeystorePut, KeystoreVersion, KeystoreView},
    ids::AccountId,
    limits::{KEPT_KEYSTORE_FOR, KEPT_KEYSTORE_VERSIONS, MAX_KEYSTORE},
};

use super::{
    AuthenticatedSession, Directory, DirectoryError, LimitScope,
    ports::{KeystoreItem, KeystoreRefusal, KeystoreRow, KeystoreRules, NewKeystoreVersion},
    seals::{OpenSeals, columns},
};
use crate::{atrest::RowSealer, store_failure::StoreError};

/// In which time versions are counted.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What a fresh login may add beyond what other sessions may, in tenths: whoever has used all up with a stolen session has
/// not shut the owner out, who can log in.
const RESERVE: (u64, u64) = (11, 10);

impl Directory {
    /// The caller's current keystore.
    ///
    /// # Errors
    /// When the store or the key service fails.
    pub async fn keystore(&self, caller: &AuthenticatedSession) -> Result<KeystoreView, DirectoryError> {
        let seals = self.seals.open().await?;
        let row = self.store.current_keystore(caller.account_id()).await?;
        view(&seals, caller.account_id(), row)
    }

    /// One of the versions that are kept.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for any other version.
    pub async fn keystore_version(
        &self,
        caller: &AuthenticatedSession,
        version: u64,
    ) -> Result<KeystoreView, DirectoryError> {
        // What does not fit the column was never stored.
        let _ = i64::try_from(version).map_err(|_| DirectoryError::NotFound)?;
        let seals = self.seals.open().await?;
        let row = self.store.keystore_version(caller.account_id(), version).await?;
        view(&seals, caller.account_id(), row)
    }

    /// The versions that are kept, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keystore_history(
        &self,
        caller: &AuthenticatedSession,
    ) -> Result<KeystoreHistory, DirectoryError> {
        let items = self.store.keystore_history(caller.account_id()).await?;
        Ok(KeystoreHistory {
            versions: items.iter().map(history_item).collect(),
        })
    }

    /// Replaces the keystore if `base_version` is current.
    ///
    /// # Errors
    /// [`DirectoryError::KeystoreConflict`] if it is not; [`DirectoryError::TooLarge`];
    /// [`DirectoryError::RateLimited`] after too many in a day, [`DirectoryError::QuotaExceeded`] where those that are kept
    /// would be too large together: for a fresh login a little later than for others.
    pub async fn put_keystore(
        &self,
        caller: &AuthenticatedSession,
        request: &KeystorePut,
    ) -> Result<KeystoreVersion, DirectoryError> {
        let account_id = caller.account_id();
        self.limits.change(account_id)?;
        let keystore = check_keystore(&request.keystore.0)?;
        let version = next_version(request.base_version)?;
        let seals = self.seals.open().await?;
        let new = NewKeystoreVersion {
            account_id,
            base_version: request.base_version,
            sealed: seal_keystore(&seals, account_id, version, keystore),
            created_at: self.clock.now(),
        };
        let rules = self.rules_for(caller);
        let replaced = self.store.replace_keystore(&new, rules).await;
        replaced.map_err(|error| self.keystore_refused(error))?;
        Ok(KeystoreVersion { version })
    }

    fn rules_for(&self, caller: &AuthenticatedSession) -> KeystoreRules {
        match self.require_fresh(caller) {
            Ok(_) => self.fresh_rules(),
            Err(_) => self.keystore_rules(),
        }
    }

    fn keystore_rules(&self) -> KeystoreRules {
        let (now, settings) = (self.clock.now(), &self.settings);
        KeystoreRules {
            kept: KEPT_KEYSTORE_VERSIONS as u64,
            kept_since: now - KEPT_KEYSTORE_FOR,
            counted_since: now - DAY,
            versions: settings.keystores_per_day,
            bytes: settings.keystore_bytes,
        }
    }

    /// Those of a session that has just logged in.
    pub(super) fn fresh_rules(&self) -> KeystoreRules {
        let (times, of) = RESERVE;
        let rules = self.keystore_rules();
        KeystoreRules {
            versions: rules.versions.saturating_mul(times).div_ceil(of),
            bytes: rules.bytes.saturating_mul(times) / of,
            ..rules
        }
    }

    pub(super) fn keystore_refused(&self, error: StoreError<KeystoreRefusal>) -> DirectoryError {
        match error {
            StoreError::Refused(KeystoreRefusal::Conflict) => DirectoryError::KeystoreConflict,
            StoreError::Refused(KeystoreRefusal::TooMany { first }) => DirectoryError::RateLimited {
                scope: LimitScope::Account,
                retry_after: (first + DAY - self.clock.now()).try_into().unwrap_or(DAY),
            },
            StoreError::Refused(KeystoreRefusal::TooLarge) => DirectoryError::QuotaExceeded {
                limit: self.settings.keystore_bytes,
            },
            StoreError::Failed(failure) => failure.into(),
        }
    }
}

/// Refuses a keystore that is empty or too large.
pub(super) fn check_keystore(keystore: &[u8]) -> Result<&[u8], DirectoryError> {
    match keystore.len() {
        0 => Err(DirectoryError::Malformed("keystore")),
        1..=MAX_KEYSTORE => Ok(keystore),
        _ => Err(DirectoryError::TooLarge {
            part: "keystore",
            limit: MAX_KEYSTORE,
        }),
    }
}

/// The version after `base`. A base that no keystore can have is a conflict, as any other that is not current.
pub(super) fn next_version(base: u64) -> Result<u64, DirectoryError> {
    let next = base.checked_add(1).filter(|next| i64::try_from(*next).is_ok());
    next.ok_or(DirectoryError::KeystoreConflict)
}

pub(super) fn seal_keystore(
    seals: &OpenSeals,
    account_id: AccountId,
    version: u64,
    keystore: &[u8],
) -> Vec<u8> {
    seals.seal_version(columns::KEYSTORE, account_id.as_bytes(), version, keystore)
}

fn view(
    seals: &OpenSeals,
    account_id: AccountId,
    row: Option<KeystoreRow>,
) -> Result<KeystoreView, DirectoryError> {
    let row = row.ok_or(DirectoryError::NotFound)?;
    let opened = seals.open_version(columns::KEYSTORE, account_id.as_bytes(), row.version, &row.sealed)?;
    let keystore = opened.to_vec().into();
    Ok(KeystoreView {
        version: row.version,
        keystore,
        created_at: row.created_at,
    })
}

fn history_item(item: &KeystoreItem) -> KeystoreHistoryItem {
    KeystoreHistoryItem {
        version: item.version,
        length: item
            .sealed_length
            .saturating_sub(RowSealer::OVERHEAD_BYTES as u64),
        created_at: item.created_at,
    }
}
