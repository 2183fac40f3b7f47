//! What an account logs in with: the OPAQUE record and the key that the recovery code derives.
//!
//! Both are sealed to the credential version, so that an older record put back into the database does not open.

use sealpost_opaque::Record;
use sealpost_protocol::{ids::AccountId, keys::PublicKey};

use super::{
    DirectoryError,
    ports::{AccountRow, NewRecoveryKey},
    seals::{OpenSeals, columns, fields},
};

/// The first version of credentials and keystores.
pub(super) const FIRST: u64 = 1;

pub(super) fn parse_record(upload: &[u8]) -> Result<Record, DirectoryError> {
    Record::from_upload(upload).map_err(|error| DirectoryError::from_opaque("registration_upload", &error))
}

pub(super) fn parse_recovery_key(bytes: &[u8]) -> Result<PublicKey, DirectoryError> {
    PublicKey::parse(bytes).map_err(|_| DirectoryError::Malformed("recovery_login_key"))
}

pub(super) fn seal_record(
    seals: &OpenSeals,
    account_id: AccountId,
    version: u64,
    record: &Record,
) -> Vec<u8> {
    seals.seal_version(
        columns::RECORD,
        account_id.as_bytes(),
        version,
        record.expose_bytes(),
    )
}

pub(super) fn open_record(seals: &OpenSeals, account: &AccountRow) -> Result<Record, DirectoryError> {
    let row_key = account.account_id.as_bytes();
    let opened = seals.open_version(
        columns::RECORD,
        row_key,
        account.credential_version,
        &account.record_sealed,
    )?;
    stored_record(&opened)
}

/// A record that was checked when it was stored.
pub(super) fn stored_record(bytes: &[u8]) -> Result<Record, DirectoryError> {
    Record::parse(bytes).map_err(|_| DirectoryError::Internal("a stored OPAQUE record is malformed"))
}

pub(super) fn seal_recovery_key(
    seals: &OpenSeals,
    account_id: AccountId,
    version: u64,
    key: &PublicKey,
) -> NewRecoveryKey {
    let row_key = account_id.as_bytes();
    NewRecoveryKey {
        index: seals.blind(fields::RECOVERY_KEY, key.as_bytes()),
        sealed: seals.seal_version(columns::RECOVERY_KEY, row_key, version, key.as_bytes()),
    }
}

pub(super) fn open_recovery_key(
    seals: &OpenSeals,
    account: &AccountRow,
) -> Result<PublicKey, DirectoryError> {
    let row_key = account.account_id.as_bytes();
    let opened = seals.open_version(
        columns::RECOVERY_KEY,
        row_key,
        account.credential_version,
        &account.recovery_key_sealed,
    )?;
    stored_recovery_key(&opened)
}

/// A key that was checked when it was stored.
pub(super) fn stored_recovery_key(bytes: &[u8]) -> Result<PublicKey, DirectoryError> {
    PublicKey::parse(bytes).map_err(|_| DirectoryError::Internal("a stored recovery key is malformed"))
}
