//! Deleted spaces: what goes with the tombstone, and what follows.

use bytes::Bytes;
use futures_util::FutureExt;
use sealpost_protocol::ids::SpaceId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Store, error::expect_rows, infallible};
use crate::log::ports::{ShredStore, SpaceNumber, Stored, Tombstone};
use crate::store_failure::StoreFailure;

impl ShredStore for Store {
    fn unfinished_shreds(&self, limit: u32) -> Stored<'_, Vec<Tombstone>> {
        async move {
            let records = sqlx::query!(
                r#"SELECT space_no, space_id AS "space_id: [u8; 32]", tombstone AS "tombstone!" FROM spaces
                   WHERE tombstoned_at IS NOT NULL AND shred_noted_at IS NULL AND tombstone IS NOT NULL
                   ORDER BY space_no LIMIT $1"#,
                i64::from(limit),
            )
            .fetch_all(self.pool())
            .await?;
            let tombstone = |record: (i64, [u8; 32], Vec<u8>)| Tombstone {
                number: SpaceNumber(record.0),
                space_id: SpaceId::new(record.1),
                record: Bytes::from(record.2),
            };
            Ok(records
                .into_iter()
                .map(|record| tombstone((record.space_no, record.space_id, record.tombstone)))
                .collect())
        }
        .boxed()
    }

    fn shred_rows(&self, space: SpaceNumber, limit: u32) -> Stored<'_, u64> {
        infallible(self.run_tx("shred_rows", move |tx| {
            async move {
                let mut deleted = 0;
                let limit = i64::from(limit);
                let connection = tx.connection();
                deleted += sqlx::query!(
                    "DELETE FROM events WHERE ctid = ANY(ARRAY(SELECT ctid FROM events WHERE space_no = $1 LIMIT $2))",
                    space.0,
                    limit,
                )
                .execute(&mut *connection)
                .await?
                .rows_affected();
                deleted += sqlx::query!(
                    "DELETE FROM wraps WHERE ctid = ANY(ARRAY(SELECT ctid FROM wraps WHERE space_no = $1 LIMIT $2))",
                    space.0,
                    limit,
                )
                .execute(&mut *connection)
                .await?
                .rows_affected();
                for delete in [
                    sqlx::query!("DELETE FROM space_snapshots WHERE space_no = $1", space.0),
                    sqlx::query!("DELETE FROM wrap_requests WHERE space_no = $1", space.0),
                    sqlx::query!("DELETE FROM members WHERE space_no = $1", space.0),
                    sqlx::query!("DELETE FROM data_keys WHERE space_no = $1", space.0),
                ] {
                    deleted += delete.execute(&mut *connection).await?.rows_affected();
                }
                Ok(deleted)
            }
            .boxed()
        }))
        .boxed()
    }

    fn end<'a>(&'a self, space: SpaceNumber, record: &'a [u8], now: OffsetDateTime) -> Stored<'a, ()> {
        infallible(self.run_tx("end_space", move |tx| {
            async move {
                end_space(tx.connection(), space, record, now).await?;
                Ok(())
            }
            .boxed()
        }))
        .boxed()
    }

    fn note_shredded(&self, space: SpaceNumber) -> Stored<'_, ()> {
        async move {
            let updated = sqlx::query!(
                "UPDATE spaces SET shred_noted_at = now() WHERE space_no = $1 AND tombstoned_at IS NOT NULL",
                space.0,
            )
            .execute(self.pool())
            .await?;
            expect_rows("a deleted space", 1, &updated)?;
            Ok(())
        }
        .boxed()
    }
}

/// Ends a space: from here on nothing is appended, nobody finds it, and nothing of it can be opened, whatever becomes of its
/// rows.
pub(super) async fn end_space(
    connection: &mut PgConnection,
    space: SpaceNumber,
    record: &[u8],
    now: OffsetDateTime,
) -> Result<(), StoreFailure> {
    let updated = sqlx::query!(
        "UPDATE spaces SET tombstoned_at = $2, tombstone = $3 WHERE space_no = $1 AND tombstoned_at IS NULL",
        space.0,
        now,
        record,
    )
    .execute(&mut *connection)
    .await?;
    expect_rows("the end of a space", 1, &updated)?;
    sqlx::query!("DELETE FROM data_keys WHERE space_no = $1", space.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("DELETE FROM members WHERE space_no = $1", space.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "UPDATE blobs SET state = 'tombstoned', changed_at = $2
         WHERE space_no = $1 AND state IN ('reserved', 'uploaded', 'referenced')",
        space.0,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
