use sealpost_protocol::ids::AccountId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Store, Transaction,
    columns::{from_bigint, to_bigint},
    error::expect_rows,
};
use crate::{
    directory::ports::{
        KeystoreConflict, KeystoreItem, KeystoreRow, KeystoreStore, NewKeystoreVersion, Stored, StoredOr,
    },
    store_failure::{StoreError, StoreFailure},
};

const VERSION: &str = "keystore_versions.version";

impl KeystoreStore for Store {
    fn current_keystore(&self, account_id: AccountId) -> Stored<'_, Option<KeystoreRow>> {
        Box::pin(async move {
            let record = sqlx::query_as!(
                KeystoreRecord,
                "SELECT version, sealed, keystore_versions.created_at
                 FROM accounts JOIN keystore_versions USING (account_id)
                 WHERE account_id = $1 AND version = keystore_version",
                &account_id.as_bytes()[..],
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(KeystoreRow::try_from).transpose()
        })
    }

    fn keystore_version(&self, account_id: AccountId, version: u64) -> Stored<'_, Option<KeystoreRow>> {
        Box::pin(async move {
            let record = sqlx::query_as!(
                KeystoreRecord,
                "SELECT version, sealed, created_at FROM keystore_versions
                 WHERE account_id = $1 AND version = $2",
                &account_id.as_bytes()[..],
                to_bigint(VERSION, version)?,
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(KeystoreRow::try_from).transpose()
        })
    }

    fn keystore_history(&self, account_id: AccountId) -> Stored<'_, Vec<KeystoreItem>> {
        Box::pin(async move {
            let records = sqlx::query_as!(
                KeystoreItemRecord,
                r#"SELECT version, octet_length(sealed)::bigint AS "sealed_length!", created_at
                   FROM keystore_versions WHERE account_id = $1 ORDER BY version DESC"#,
                &account_id.as_bytes()[..],
            )
            .fetch_all(self.pool())
            .await?;
            records.into_iter().map(KeystoreItem::try_from).collect()
        })
    }

    fn replace_keystore<'a>(
        &'a self,
        new: &'a NewKeystoreVersion,
        kept: u64,
    ) -> StoredOr<'a, (), KeystoreConflict> {
        Box::pin(self.run_tx("replace_keystore", move |tx| Box::pin(replace(tx, new, kept))))
    }
}

/// Compare-and-swap of the current version, then the version itself, then the end of the oldest.
pub(super) async fn replace(
    tx: &mut Transaction<'_>,
    new: &NewKeystoreVersion,
    kept: u64,
) -> Result<(), StoreError<KeystoreConflict>> {
    let updated = sqlx::query!(
        "UPDATE accounts SET keystore_version = keystore_version + 1
         WHERE account_id = $1 AND keystore_version = $2",
        &new.account_id.as_bytes()[..],
        to_bigint(VERSION, new.base_version)?,
    )
    .execute(tx.connection())
    .await?;
    if updated.rows_affected() == 0 {
        return Err(StoreError::Refused(KeystoreConflict));
    }
    insert(tx.connection(), new).await?;
    Ok(drop_oldest(tx.connection(), new, kept).await?)
}

/// Stores the version after `base_version`.
pub(super) async fn insert(
    connection: &mut PgConnection,
    new: &NewKeystoreVersion,
) -> Result<(), StoreFailure> {
    let inserted = sqlx::query!(
        "INSERT INTO keystore_versions (account_id, version, sealed, created_at) VALUES ($1, $2, $3, $4)",
        &new.account_id.as_bytes()[..],
        to_bigint(VERSION, new.base_version + 1)?,
        new.sealed,
        new.created_at,
    )
    .execute(connection)
    .await?;
    expect_rows("insert into keystore_versions", 1, &inserted)
}

async fn drop_oldest(
    connection: &mut PgConnection,
    new: &NewKeystoreVersion,
    kept: u64,
) -> Result<(), StoreFailure> {
    let oldest_kept = (new.base_version + 2).saturating_sub(kept);
    sqlx::query!(
        "DELETE FROM keystore_versions WHERE account_id = $1 AND version < $2",
        &new.account_id.as_bytes()[..],
        to_bigint(VERSION, oldest_kept)?,
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct KeystoreRecord {
    version: i64,
    sealed: Vec<u8>,
    created_at: OffsetDateTime,
}

impl TryFrom<KeystoreRecord> for KeystoreRow {
    type Error = StoreFailure;

    fn try_from(record: KeystoreRecord) -> Result<Self, StoreFailure> {
        let version = from_bigint(VERSION, record.version)?;
        Ok(Self {
            version,
            sealed: record.sealed,
            created_at: record.created_at,
        })
    }
}

struct KeystoreItemRecord {
    version: i64,
    sealed_length: i64,
    created_at: OffsetDateTime,
}

impl TryFrom<KeystoreItemRecord> for KeystoreItem {
    type Error = StoreFailure;

    fn try_from(record: KeystoreItemRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            version: from_bigint(VERSION, record.version)?,
            sealed_length: from_bigint("keystore_versions.sealed", record.sealed_length)?,
            created_at: record.created_at,
        })
    }
}
