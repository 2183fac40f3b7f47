//! What the directory seals and blinds, and under which names.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::DirectoryError;
use crate::atrest::{
    BlindIndex, BlindIndexValue, DataKeys, IndexField, KeyScope, OpenDataKey, RowAddress, RowSealer,
};

/// Fields that are looked up by value.
pub(super) mod fields {
    use crate::atrest::IndexField;

    pub(crate) const HANDLE: IndexField = IndexField::new("accounts.handle");
    pub(crate) const RECOVERY_KEY: IndexField = IndexField::new("accounts.recovery_key");
    pub(crate) const SESSION_TOKEN: IndexField = IndexField::new("sessions.token");
    pub(crate) const DEVICE_TOKEN: IndexField = IndexField::new("device_requests.token");
    pub(crate) const DEVICE_CLAIM: IndexField = IndexField::new("device_requests.claim");
    pub(crate) const PAIRING_TOKEN: IndexField = IndexField::new("pairing_codes.token");
    pub(crate) const REGISTRATION_TOKEN: IndexField = IndexField::new("registration_tokens.token");
    /// Stands for the account id of a handle that has no account.
    pub(crate) const ABSENT_ACCOUNT: IndexField = IndexField::new("accounts.absent");
}

/// Columns that are sealed.
pub(super) mod columns {
    pub(crate) const HANDLE: &str = "accounts.handle";
    pub(crate) const RECORD: &str = "accounts.record";
    pub(crate) const RECOVERY_KEY: &str = "accounts.recovery_key";
    pub(crate) const AGENT_NAME: &str = "agents.name";
    pub(crate) const ATTEMPT_STATE: &str = "auth_attempts.state";
    pub(crate) const AUDIT_DETAILS: &str = "audit_log.details";
    pub(crate) const DEVICE: &str = "sessions.device";
    pub(crate) const REQUESTING_DEVICE: &str = "device_requests.device";
    pub(crate) const APPROVAL: &str = "device_requests.approval";
    pub(crate) const KEYSTORE: &str = "keystore_versions.keystore";
    pub(crate) const MANIFEST: &str = "principals.manifest";
    pub(crate) const PAIRING_NAME: &str = "pairing_codes.name";
    pub(crate) const RELAY_SECRET: &str = "relay_secrets.secret";
    pub(crate) const STAGED_KEYSTORE: &str = "staged_changes.keystore";
    pub(crate) const STAGED_RECORD: &str = "staged_changes.record";
    pub(crate) const STAGED_RECOVERY_KEY: &str = "staged_changes.recovery_key";
    pub(crate) const TOKEN_NOTE: &str = "registration_tokens.note";
}

/// Seals and blinds once the keys are open.
pub(super) struct Seals {
    keys: DataKeys,
    sealer: RowSealer,
}

impl Seals {
    pub(super) fn new(keys: DataKeys, sealer: RowSealer) -> Self {
        Self { keys, sealer }
    }

    /// Opens the directory's keys: from memory, as a rule. The first caller on a fresh database makes them.
    pub(super) async fn open(&self) -> Result<OpenSeals, DirectoryError> {
        let key = self.keys.open_or_create(KeyScope::Directory).await?;
        let index = BlindIndex::new(self.keys.open_or_create(KeyScope::Index).await?);
        Ok(OpenSeals {
            key,
            index,
            sealer: self.sealer.clone(),
        })
    }
}

/// Open keys, for the length of one request.
pub(super) struct OpenSeals {
    key: Arc<OpenDataKey>,
    index: BlindIndex,
    sealer: RowSealer,
}

impl OpenSeals {
    /// The blind index of a value.
    pub(super) fn blind(&self, field: IndexField, value: &[u8]) -> BlindIndexValue {
        self.index.of(field, value)
    }

    /// Seals a value that does not change as long as its row exists.
    pub(super) fn seal(&self, column: &'static str, row_key: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.seal_version(column, row_key, 0, plaintext)
    }

    /// Seals one version of a value that changes.
    pub(super) fn seal_version(
        &self,
        column: &'static str,
        row_key: &[u8],
        row_version: u64,
        plaintext: &[u8],
    ) -> Vec<u8> {
        let address = RowAddress {
            table: column,
            row_key,
            row_version,
        };
        self.sealer.seal(&self.key, &address, plaintext)
    }

    /// Opens what [`Self::seal`] sealed.
    pub(super) fn open(
        &self,
        column: &'static str,
        row_key: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DirectoryError> {
        self.open_version(column, row_key, 0, sealed)
    }

    /// Opens what [`Self::seal_version`] sealed.
    pub(super) fn open_version(
        &self,
        column: &'static str,
        row_key: &[u8],
        row_version: u64,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DirectoryError> {
        let address = RowAddress {
            table: column,
            row_key,
            row_version,
        };
        self.sealer
            .open_secret(&self.key, &address, sealed)
            .map_err(|cause| DirectoryError::Damaged { column, cause })
    }

    /// Opens a sealed text.
    pub(super) fn open_text(
        &self,
        column: &'static str,
        row_key: &[u8],
        sealed: &[u8],
    ) -> Result<String, DirectoryError> {
        let bytes = self.open(column, row_key, sealed)?;
        let text =
            str::from_utf8(&bytes).map_err(|_| DirectoryError::Internal("a sealed text is not UTF-8"))?;
        Ok(text.to_owned())
    }
}
