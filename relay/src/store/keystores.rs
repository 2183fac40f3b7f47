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
        KeystoreItem, KeystoreRefusal, KeystoreRow, KeystoreRules, KeystoreStore, NewKeystoreVersion, Stored,
        StoredOr,
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
        rules: KeystoreRules,
    ) -> StoredOr<'a, (), KeystoreRefusal> {
        Box::pin(self.run_tx("replace_keystore", move |tx| Box::pin(replace(tx, new, rules))))
    }
}

/// Compare-and-swap of the current version, then the version itself, then the end of the oldest. What does not fit is
/// refused: whoever has the account's session must not be able to push out what its owner still needs.
pub(super) async fn replace(
    tx: &mut Transaction<'_>,
    new: &NewKeystoreVersion,
    rules: KeystoreRules,
) -> Result<(), StoreError<KeystoreRefusal>> {
    let updated = sqlx::query!(
        "UPDATE accounts SET keystore_version = keystore_version + 1
         WHERE account_id = $1 AND keystore_version = $2",
        &new.account_id.as_bytes()[..],
        to_bigint(VERSION, new.base_version)?,
    )
    .execute(tx.connection())
    .await?;
    if updated.rows_affected() == 0 {
        return Err(StoreError::Refused(KeystoreRefusal::Conflict));
    }
    insert(tx.connection(), new).await?;
    drop_oldest(tx.connection(), new, rules).await?;
    check_sums(tx.connection(), new, rules).await
}

async fn check_sums(
    connection: &mut PgConnection,
    new: &NewKeystoreVersion,
    rules: KeystoreRules,
) -> Result<(), StoreError<KeystoreRefusal>> {
    let sums = sqlx::query!(
        r#"SELECT sum(octet_length(sealed))::bigint AS "bytes!",
                  count(*) FILTER (WHERE created_at > $2) AS "lately!",
                  min(created_at) FILTER (WHERE created_at > $2) AS first
           FROM keystore_versions WHERE account_id = $1"#,
        &new.account_id.as_bytes()[..],
        rules.counted_since,
    )
    .fetch_one(connection)
    .await?;
    if from_bigint(VERSION, sums.lately)? > rules.versions {
        let first = sums.first.unwrap_or(new.created_at);
        return Err(StoreError::Refused(KeystoreRefusal::TooMany { first }));
    }
    if from_bigint("keystore_versions.sealed", sums.bytes)? > rules.bytes {
        return Err(StoreError::Refused(KeystoreRefusal::TooLarge));
    }
    Ok(())
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

/// The newest version from before `kept_since` was current at that time, so it stays.
async fn drop_oldest(
    connection: &mut PgConnection,
    new: &NewKeystoreVersion,
    rules: KeystoreRules,
) -> Result<(), StoreFailure> {
    let oldest_kept = (new.base_version + 2).saturating_sub(rules.kept);
    sqlx::query!(
        "DELETE FROM keystore_versions WHERE account_id = $1 AND version < $2
           AND version < (SELECT max(version) FROM keystore_versions WHERE account_id = $1 AND created_at <= $3)",
        &new.account_id.as_bytes()[..],
        to_bigint(VERSION, oldest_kept)?,
        rules.kept_since,
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
