//! Spaces, their members and what they use.

use futures_util::FutureExt;
use sealpost_protocol::ids::{AccountId, PrincipalId, SpaceId};
use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::{
    Store, Transaction, accounts,
    columns::{from_bigint, to_bigint},
    error::expect_rows,
    infallible,
    locked_space::insert_member,
};
use crate::log::ports::{
    AccountUsage, Created, DroppedCiphertext, NewSpace, RetentionSpace, SpaceNumber, SpaceRow, SpaceStore,
    Stored,
};
use crate::store_failure::{StoreError, StoreFailure};

struct SpaceRecord {
    space_no: i64,
    created_by_account: [u8; 16],
    appended_bytes: i64,
    dropped_bytes: i64,
    tombstone: Option<Vec<u8>>,
    restored_at: Option<OffsetDateTime>,
}

impl TryFrom<SpaceRecord> for SpaceRow {
    type Error = StoreFailure;

    fn try_from(record: SpaceRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            number: SpaceNumber(record.space_no),
            created_by: AccountId::new(record.created_by_account),
            appended_bytes: from_bigint("spaces.appended_bytes", record.appended_bytes)?,
            dropped_bytes: from_bigint("spaces.dropped_bytes", record.dropped_bytes)?,
            tombstone: record.tombstone.map(Into::into),
            restored_at: record.restored_at,
        })
    }
}

struct RetentionRecord {
    space_no: i64,
    retention_seconds: i64,
    retained_from: i64,
}

impl TryFrom<RetentionRecord> for RetentionSpace {
    type Error = StoreFailure;

    fn try_from(record: RetentionRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            number: SpaceNumber(record.space_no),
            retention_seconds: from_bigint("spaces.retention_seconds", record.retention_seconds)?,
            retained_from: from_bigint("spaces.retained_from", record.retained_from)?,
        })
    }
}

impl SpaceStore for Store {
    fn find(&self, space_id: &SpaceId) -> Stored<'_, Option<SpaceRow>> {
        let space_id = *space_id;
        async move {
            let record = sqlx::query_as!(
                SpaceRecord,
                r#"SELECT space_no, created_by_account AS "created_by_account: [u8; 16]", appended_bytes,
                          dropped_bytes,
                          CASE WHEN tombstoned_at IS NOT NULL THEN coalesce(tombstone, '') END AS tombstone,
                          (SELECT relay_state.created_at FROM relay_state
                           WHERE relay_state.created_at > spaces.created_at) AS restored_at
                   FROM spaces WHERE space_id = $1"#,
                &space_id.as_bytes()[..],
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(SpaceRow::try_from).transpose()
        }
        .boxed()
    }

    fn reserve_number(&self) -> Stored<'_, SpaceNumber> {
        async move {
            let number = sqlx::query_scalar!(
                r#"SELECT nextval(pg_get_serial_sequence('spaces', 'space_no')) AS "number!""#
            )
            .fetch_one(self.pool())
            .await?;
            Ok(SpaceNumber(number))
        }
        .boxed()
    }

    fn create<'a>(&'a self, space: &'a NewSpace) -> Stored<'a, Created> {
        infallible(self.run_tx("create_space", move |tx| {
            async move {
                if !accounts::stays(tx.connection(), space.created_by).await? {
                    return Ok(Created::NoAccount);
                }
                if !insert_space(tx, space).await? {
                    return Ok(Created::Taken);
                }
                insert_genesis(tx, space).await?;
                insert_member(tx.connection(), space.genesis.space, space.creator.as_bytes()).await?;
                Ok(Created::New)
            }
            .boxed()
        }))
        .boxed()
    }

    fn spaces_of(&self, principal: &PrincipalId) -> Stored<'_, Vec<(SpaceId, u64)>> {
        let principal = *principal;
        async move {
            let rows = sqlx::query!(
                r#"SELECT space_id AS "space_id: [u8; 32]",
                          (SELECT coalesce(max(seq), 0) FROM events
                           WHERE events.space_no = spaces.space_no) AS "head!"
                   FROM spaces JOIN members USING (space_no)
                   WHERE principal_id = $1 AND tombstoned_at IS NULL ORDER BY space_no"#,
                &principal.as_bytes()[..],
            )
            .fetch_all(self.pool())
            .await?;
            Ok(rows
                .into_iter()
                .map(|row| (SpaceId::new(row.space_id), row.head.cast_unsigned()))
                .collect())
        }
        .boxed()
    }

    fn usage(&self, account: &AccountId) -> Stored<'_, AccountUsage> {
        self.account_usage(*account).boxed()
    }

    fn note_appended(&self, space: SpaceNumber, bytes: u64) -> Stored<'_, ()> {
        async move { note_appended(self.pool(), space, bytes).await }.boxed()
    }

    fn with_retention(
        &self,
        longest_seconds: u64,
        after: SpaceNumber,
        limit: u32,
    ) -> Stored<'_, Vec<RetentionSpace>> {
        async move {
            let records = sqlx::query_as!(
                RetentionRecord,
                "SELECT space_no, retention_seconds, retained_from FROM spaces
                 WHERE retention_seconds > 0 AND tombstoned_at IS NULL AND space_no > $1
                     AND retention_seconds <= $3
                 ORDER BY space_no LIMIT $2",
                after.0,
                i64::from(limit),
                i64::try_from(longest_seconds).unwrap_or(i64::MAX),
            )
            .fetch_all(self.pool())
            .await?;
            records.into_iter().map(RetentionSpace::try_from).collect()
        }
        .boxed()
    }

    fn last_before(&self, space: SpaceNumber, from: u64, time: OffsetDateTime) -> Stored<'_, Option<u64>> {
        async move {
            let from = to_bigint("events.seq", from)?;
            let next = sqlx::query_scalar!(
                "SELECT seq FROM events WHERE space_no = $1 AND seq >= $2 AND stored_at >= $3 ORDER BY seq LIMIT 1",
                space.0,
                from,
                time,
            )
            .fetch_optional(self.pool())
            .await?;
            let last = sqlx::query_scalar!(
                "SELECT seq FROM events WHERE space_no = $1 AND seq >= $2 AND seq < $3 ORDER BY seq DESC LIMIT 1",
                space.0,
                from,
                next.unwrap_or(i64::MAX),
            )
            .fetch_optional(self.pool())
            .await?;
            last.map(|seq| from_bigint("events.seq", seq)).transpose()
        }
        .boxed()
    }

    fn last_control_before(&self, space: SpaceNumber, time: OffsetDateTime) -> Stored<'_, Option<u64>> {
        async move {
            let last = sqlx::query_scalar!(
                "SELECT seq FROM events WHERE space_no = $1 AND control_index IS NOT NULL AND stored_at < $2
                 ORDER BY control_index DESC LIMIT 1",
                space.0,
                time,
            )
            .fetch_optional(self.pool())
            .await?;
            last.map(|seq| from_bigint("events.seq", seq)).transpose()
        }
        .boxed()
    }

    fn drop_ciphertexts<'a>(
        &'a self,
        space: SpaceNumber,
        dropped: &'a [DroppedCiphertext],
        retained_from: u64,
    ) -> Stored<'a, ()> {
        infallible(self.run_tx("drop_ciphertexts", move |tx| {
            async move {
                let mut bytes = 0;
                for row in dropped {
                    if replace_sealed(tx, space, row).await? {
                        bytes += row.dropped_bytes;
                    }
                }
                note_retained(tx, space, bytes, retained_from).await?;
                Ok(())
            }
            .boxed()
        }))
        .boxed()
    }
}

/// The row keeps the largest figure, whatever order they come in.
pub(super) async fn note_appended(
    connection: impl PgExecutor<'_>,
    space: SpaceNumber,
    bytes: u64,
) -> Result<(), StoreFailure> {
    let updated = sqlx::query!(
        "UPDATE spaces SET appended_bytes = greatest(appended_bytes, $2) WHERE space_no = $1",
        space.0,
        to_bigint("spaces.appended_bytes", bytes)?,
    )
    .execute(connection)
    .await?;
    expect_rows("the size of a space", 1, &updated)
}

async fn insert_space(
    tx: &mut Transaction<'_>,
    space: &NewSpace,
) -> Result<bool, StoreError<std::convert::Infallible>> {
    let inserted = sqlx::query!(
        "INSERT INTO spaces (space_no, space_id, created_by_account, appended_bytes, retention_seconds, created_at)
         VALUES ($1, $2, $3, 0, $4, $5) ON CONFLICT (space_id) DO NOTHING",
        space.genesis.space.0,
        &space.space_id.as_bytes()[..],
        &space.created_by.as_bytes()[..],
        i64::try_from(space.retention_seconds).unwrap_or(i64::MAX),
        space.genesis.stored_at,
    )
    .execute(tx.connection())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn insert_genesis(
    tx: &mut Transaction<'_>,
    space: &NewSpace,
) -> Result<(), StoreError<std::convert::Infallible>> {
    for event in &space.genesis.events {
        let inserted = sqlx::query!(
            "INSERT INTO events (space_no, seq, root, control_index, data_key_id, sealed, stored_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            space.genesis.space.0,
            to_bigint("events.seq", event.seq)?,
            &event.root.as_bytes()[..],
            event
                .control_index
                .map(|index| to_bigint("events.control_index", index))
                .transpose()?,
            &space.genesis.data_key_id.as_bytes()[..],
            event.sealed,
            space.genesis.stored_at,
        )
        .execute(tx.connection())
        .await?;
        expect_rows("a genesis record", 1, &inserted)?;
    }
    Ok(())
}

async fn replace_sealed(
    tx: &mut Transaction<'_>,
    space: SpaceNumber,
    row: &DroppedCiphertext,
) -> Result<bool, StoreError<std::convert::Infallible>> {
    let updated = sqlx::query!(
        "UPDATE events SET sealed = $4, row_version = row_version + 1
         WHERE space_no = $1 AND seq = $2 AND row_version = $3",
        space.0,
        to_bigint("events.seq", row.seq)?,
        to_bigint("events.row_version", row.row_version)?,
        row.sealed,
    )
    .execute(tx.connection())
    .await?;
    Ok(updated.rows_affected() == 1)
}

async fn note_retained(
    tx: &mut Transaction<'_>,
    space: SpaceNumber,
    bytes: u64,
    retained_from: u64,
) -> Result<(), StoreError<std::convert::Infallible>> {
    let updated = sqlx::query!(
        "UPDATE spaces SET dropped_bytes = dropped_bytes + $2, retained_from = greatest(retained_from, $3)
         WHERE space_no = $1",
        space.0,
        to_bigint("spaces.dropped_bytes", bytes)?,
        to_bigint("spaces.retained_from", retained_from)?,
    )
    .execute(tx.connection())
    .await?;
    expect_rows("the retention mark of a space", 1, &updated)?;
    Ok(())
}
