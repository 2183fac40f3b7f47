//! Wrapped data keys.

use futures_util::{FutureExt, future::BoxFuture};

use super::Store;
use crate::{
    atrest::{DataKeyId, KeyScope, KeyStoreError, WrappedDataKey, WrappedKey, WrappedKeyStore},
    store_failure::StoreFailure,
};

pub(super) struct DataKeyRecord {
    pub(super) data_key_id: [u8; 16],
    pub(super) scope: String,
    pub(super) space_no: Option<i64>,
    pub(super) wrapped: Vec<u8>,
}

impl TryFrom<DataKeyRecord> for WrappedDataKey {
    type Error = StoreFailure;

    fn try_from(record: DataKeyRecord) -> Result<Self, StoreFailure> {
        let scope = KeyScope::from_parts(&record.scope, record.space_no);
        Ok(Self {
            id: DataKeyId::from_bytes(record.data_key_id),
            scope: scope.ok_or(StoreFailure::Malformed("data_keys.scope"))?,
            wrapped: WrappedKey::from_bytes(record.wrapped),
        })
    }
}

impl WrappedKeyStore for Store {
    fn load<'a>(
        &'a self,
        scopes: &'a [KeyScope],
    ) -> BoxFuture<'a, Result<Vec<WrappedDataKey>, KeyStoreError>> {
        shared(self.load_data_keys(scopes))
    }

    fn insert_if_absent<'a>(
        &'a self,
        key: &'a WrappedDataKey,
    ) -> BoxFuture<'a, Result<WrappedDataKey, KeyStoreError>> {
        shared(self.insert_data_key_if_absent(key))
    }

    fn replace<'a>(
        &'a self,
        current: &'a WrappedDataKey,
        replacement: &'a WrappedKey,
    ) -> BoxFuture<'a, Result<bool, KeyStoreError>> {
        shared(self.replace_data_key(current, replacement))
    }

    fn page(
        &self,
        after: Option<DataKeyId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<WrappedDataKey>, KeyStoreError>> {
        shared(self.page_of_data_keys(after, limit))
    }

    fn count(&self) -> BoxFuture<'_, Result<u64, KeyStoreError>> {
        shared(self.count_data_keys())
    }
}

fn shared<'a, T: Send + 'a>(
    work: impl Future<Output = Result<T, StoreFailure>> + Send + 'a,
) -> BoxFuture<'a, Result<T, KeyStoreError>> {
    work.map(|result| result.map_err(KeyStoreError::from)).boxed()
}

impl Store {
    async fn load_data_keys(&self, scopes: &[KeyScope]) -> Result<Vec<WrappedDataKey>, StoreFailure> {
        let spaces: Vec<i64> = scopes.iter().filter_map(|scope| scope.space_number()).collect();
        let others = scopes.iter().filter(|scope| scope.space_number().is_none());
        let others: Vec<String> = others.map(|scope| scope.name().to_owned()).collect();
        let records = sqlx::query_as!(
            DataKeyRecord,
            r#"SELECT data_key_id AS "data_key_id: [u8; 16]", scope, space_no, wrapped FROM data_keys
               WHERE (scope = 'space' AND space_no = ANY($1)) OR (scope = ANY($2) AND space_no IS NULL)"#,
            &spaces,
            &others,
        )
        .fetch_all(self.pool())
        .await?;
        records.into_iter().map(WrappedDataKey::try_from).collect()
    }

    /// Two statements without a transaction: the first waits for whoever is inserting the same scope, so the
    /// second sees a committed row, whoever wrote it.
    async fn insert_data_key_if_absent(&self, key: &WrappedDataKey) -> Result<WrappedDataKey, StoreFailure> {
        sqlx::query!(
            "INSERT INTO data_keys (data_key_id, scope, space_no, wrapped) VALUES ($1, $2, $3, $4)
             ON CONFLICT (scope, space_no) DO NOTHING",
            &key.id.as_bytes()[..],
            key.scope.name(),
            key.scope.space_number(),
            key.wrapped.as_bytes(),
        )
        .execute(self.pool())
        .await?;
        let stored = self.load_data_keys(&[key.scope]).await?.pop();
        stored.ok_or(StoreFailure::RowCount {
            write: "insert data key",
            expected: 1,
            actual: 0,
        })
    }

    async fn replace_data_key(
        &self,
        current: &WrappedDataKey,
        replacement: &WrappedKey,
    ) -> Result<bool, StoreFailure> {
        let updated = sqlx::query!(
            "UPDATE data_keys SET wrapped = $3 WHERE data_key_id = $1 AND wrapped = $2",
            &current.id.as_bytes()[..],
            current.wrapped.as_bytes(),
            replacement.as_bytes(),
        )
        .execute(self.pool())
        .await?;
        Ok(updated.rows_affected() == 1)
    }

    async fn page_of_data_keys(
        &self,
        after: Option<DataKeyId>,
        limit: u32,
    ) -> Result<Vec<WrappedDataKey>, StoreFailure> {
        let records = sqlx::query_as!(
            DataKeyRecord,
            r#"SELECT data_key_id AS "data_key_id: [u8; 16]", scope, space_no, wrapped FROM data_keys
               WHERE $1::bytea IS NULL OR data_key_id > $1 ORDER BY data_key_id LIMIT $2"#,
            after.as_ref().map(|id| &id.as_bytes()[..]),
            i64::from(limit),
        )
        .fetch_all(self.pool())
        .await?;
        records.into_iter().map(WrappedDataKey::try_from).collect()
    }

    async fn count_data_keys(&self) -> Result<u64, StoreFailure> {
        let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM data_keys"#);
        let count = count.fetch_one(self.pool()).await?;
        u64::try_from(count).map_err(|_| StoreFailure::Malformed("data_keys"))
    }
}
