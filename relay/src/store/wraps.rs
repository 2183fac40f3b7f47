//! Wraps beside the log.

use futures_util::FutureExt;
use sealpost_protocol::hash::Digest32;
use sealpost_protocol::ids::{KeyId, PrincipalId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Store,
    columns::{from_bigint, to_bigint},
    infallible,
    wrap_requests::{self, answer_requests},
};
use crate::log::ports::{
    Append, CarriedWrap, NamedWraps, SpaceNumber, StageRefusal, StagedWrap, Staging, Stored, StoredOr,
    WrapRequestRow, WrapRow, WrapStore,
};
use crate::store_failure::{StoreError, StoreFailure};

struct StagedRecord {
    recipient: [u8; 32],
    wrap_hash: Digest32,
}

struct WrapRecord {
    epoch: i64,
    key_id: [u8; 32],
    staged_by: [u8; 32],
    wrap_hash: Digest32,
    sealed: Vec<u8>,
}

impl TryFrom<WrapRecord> for WrapRow {
    type Error = StoreFailure;

    fn try_from(record: WrapRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            staged: StagedWrap {
                epoch: from_bigint("wraps.epoch", record.epoch)?,
                key_id: KeyId::new(record.key_id),
                staged_by: PrincipalId::new(record.staged_by),
            },
            wrap_hash: record.wrap_hash,
            sealed: record.sealed,
        })
    }
}

impl WrapStore for Store {
    fn stage<'a>(&'a self, staging: &'a Staging) -> StoredOr<'a, u32, StageRefusal> {
        self.run_tx("stage_wraps", move |tx| {
            async move {
                let connection = tx.connection();
                upsert(connection, staging).await?;
                answer_requests(connection, staging).await?;
                let counts = count(connection, staging.space, &staging.staged).await?;
                if counts.by_principal > u64::from(staging.limit) {
                    return Err(StoreError::Refused(StageRefusal::TooMany));
                }
                Ok(u32::try_from(counts.for_key).unwrap_or(u32::MAX))
            }
            .boxed()
        })
        .boxed()
    }

    fn ask_for_wrap(
        &self,
        space: SpaceNumber,
        recipient: PrincipalId,
        epoch: u64,
        limit: u32,
        now: OffsetDateTime,
    ) -> Stored<'_, bool> {
        wrap_requests::ask(self, space, WrapRequestRow { epoch, recipient }, limit, now).boxed()
    }

    fn wrap_requests(&self, space: SpaceNumber, limit: u32) -> Stored<'_, Vec<WrapRequestRow>> {
        wrap_requests::list(self, space, limit).boxed()
    }

    fn staged(&self, space: SpaceNumber, staged: StagedWrap) -> Stored<'_, Vec<(PrincipalId, Digest32)>> {
        async move {
            let records = sqlx::query_as!(
                StagedRecord,
                r#"SELECT recipient AS "recipient: [u8; 32]", wrap_hash AS "wrap_hash: [u8; 32]" FROM wraps
                   WHERE space_no = $1 AND epoch = $2 AND key_id = $3 AND staged_by = $4 AND named_by_seq IS NULL
                   ORDER BY recipient"#,
                space.0,
                to_bigint("wraps.epoch", staged.epoch)?,
                &staged.key_id.as_bytes()[..],
                &staged.staged_by.as_bytes()[..],
            )
            .fetch_all(self.pool())
            .await?;
            Ok(records
                .into_iter()
                .map(|record| (PrincipalId::new(record.recipient), record.wrap_hash))
                .collect())
        }
        .boxed()
    }

    fn named_wrap<'a>(
        &'a self,
        space: SpaceNumber,
        epoch: u64,
        recipient: PrincipalId,
        unusable: &'a [Digest32],
    ) -> Stored<'a, Option<WrapRow>> {
        async move {
            let unusable: Vec<&[u8]> = unusable.iter().map(|hash| &hash[..]).collect();
            let record = sqlx::query_as!(
                WrapRecord,
                r#"SELECT epoch, key_id AS "key_id: [u8; 32]", staged_by AS "staged_by: [u8; 32]",
                          wrap_hash AS "wrap_hash: [u8; 32]", sealed
                   FROM wraps WHERE space_no = $1 AND epoch = $2 AND recipient = $3 AND named_by_seq IS NOT NULL
                     AND NOT wrap_hash = ANY($4::bytea[])
                   ORDER BY named_by_seq DESC LIMIT 1"#,
                space.0,
                to_bigint("wraps.epoch", epoch)?,
                &recipient.as_bytes()[..],
                &unusable as &[&[u8]],
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(WrapRow::try_from).transpose()
        }
        .boxed()
    }

    fn sweep_staged(&self, time: OffsetDateTime, limit: u32) -> Stored<'_, u64> {
        infallible(self.run_tx("sweep_wraps", move |tx| {
            async move {
                let deleted = sqlx::query!(
                    "DELETE FROM wraps WHERE ctid = ANY(ARRAY(
                         SELECT ctid FROM wraps WHERE named_by_seq IS NULL AND staged_at < $1 LIMIT $2
                         FOR UPDATE SKIP LOCKED))",
                    time,
                    i64::from(limit),
                )
                .execute(tx.connection())
                .await?;
                Ok(deleted.rows_affected())
            }
            .boxed()
        }))
        .boxed()
    }
}

/// Replaces what the same principal staged for the same recipient, unless it was named and nobody asks for another.
async fn upsert(connection: &mut PgConnection, staging: &Staging) -> Result<(), StoreFailure> {
    let Staging {
        space,
        staged,
        data_key_id,
        wraps,
        now,
        ..
    } = staging;
    let recipients: Vec<&[u8]> = wraps.iter().map(|wrap| &wrap.recipient.as_bytes()[..]).collect();
    let hashes: Vec<&[u8]> = wraps.iter().map(|wrap| &wrap.wrap_hash[..]).collect();
    let sealed: Vec<&[u8]> = wraps.iter().map(|wrap| &wrap.sealed[..]).collect();
    sqlx::query!(
        r#"INSERT INTO wraps (space_no, epoch, key_id, staged_by, recipient, wrap_hash, data_key_id, sealed, staged_at)
           SELECT $1, $2, $3, $4, recipient, wrap_hash, $5, sealed, $6
           FROM unnest($7::bytea[], $8::bytea[], $9::bytea[]) AS wrap (recipient, wrap_hash, sealed)
           ON CONFLICT (space_no, epoch, key_id, staged_by, recipient) DO UPDATE
           SET wrap_hash = excluded.wrap_hash, data_key_id = excluded.data_key_id, sealed = excluded.sealed,
               staged_at = excluded.staged_at, named_by_seq = NULL
           WHERE wraps.named_by_seq IS NULL
              OR EXISTS (SELECT FROM wrap_requests WHERE wrap_requests.space_no = wraps.space_no
                           AND wrap_requests.recipient = wraps.recipient AND wrap_requests.epoch = wraps.epoch)"#,
        space.0,
        to_bigint("wraps.epoch", staged.epoch)?,
        &staged.key_id.as_bytes()[..],
        &staged.staged_by.as_bytes()[..],
        &data_key_id.as_bytes()[..],
        *now,
        &recipients as &[&[u8]],
        &hashes as &[&[u8]],
        &sealed as &[&[u8]],
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Counts {
    by_principal: u64,
    for_key: u64,
}

async fn count(
    connection: &mut PgConnection,
    space: SpaceNumber,
    staged: &StagedWrap,
) -> Result<Counts, StoreFailure> {
    let counted = sqlx::query!(
        r#"SELECT count(*) AS "by_principal!",
                  count(*) FILTER (WHERE epoch = $3 AND key_id = $4) AS "for_key!"
           FROM wraps WHERE space_no = $1 AND staged_by = $2 AND named_by_seq IS NULL"#,
        space.0,
        &staged.staged_by.as_bytes()[..],
        to_bigint("wraps.epoch", staged.epoch)?,
        &staged.key_id.as_bytes()[..],
    )
    .fetch_one(connection)
    .await?;
    Ok(Counts {
        by_principal: from_bigint("wraps", counted.by_principal)?,
        for_key: from_bigint("wraps", counted.for_key)?,
    })
}

/// Stores a wrap that a control record carries.
pub(super) async fn insert_carried(
    connection: &mut PgConnection,
    append: &Append,
    carried: &CarriedWrap,
) -> Result<(), StoreFailure> {
    sqlx::query!(
        "INSERT INTO wraps (space_no, epoch, key_id, staged_by, recipient, wrap_hash, data_key_id, sealed, staged_at,
                            named_by_seq)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (space_no, epoch, key_id, staged_by, recipient) DO UPDATE
         SET wrap_hash = excluded.wrap_hash, data_key_id = excluded.data_key_id, sealed = excluded.sealed,
             staged_at = excluded.staged_at, named_by_seq = excluded.named_by_seq",
        append.space.0,
        to_bigint("wraps.epoch", carried.staged.epoch)?,
        &carried.staged.key_id.as_bytes()[..],
        &carried.staged.staged_by.as_bytes()[..],
        &carried.wrap.recipient.as_bytes()[..],
        &carried.wrap.wrap_hash[..],
        &append.data_key_id.as_bytes()[..],
        carried.wrap.sealed,
        append.stored_at,
        to_bigint("wraps.named_by_seq", carried.by_seq)?,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes staged wraps those of their epoch; `false` if they are not all there as they were when the record was judged,
/// because the sweep or their author was at them meanwhile.
pub(super) async fn name_wraps(
    connection: &mut PgConnection,
    space: SpaceNumber,
    named: &NamedWraps,
) -> Result<bool, StoreFailure> {
    let recipients: Vec<&[u8]> = named.wraps.iter().map(|(id, _)| &id.as_bytes()[..]).collect();
    let hashes: Vec<&[u8]> = named.wraps.iter().map(|(_, hash)| &hash[..]).collect();
    let updated = sqlx::query!(
        "UPDATE wraps SET named_by_seq = $7
         FROM unnest($5::bytea[], $6::bytea[]) AS named (recipient, wrap_hash)
         WHERE space_no = $1 AND epoch = $2 AND key_id = $3 AND staged_by = $4 AND named_by_seq IS NULL
           AND wraps.recipient = named.recipient AND wraps.wrap_hash = named.wrap_hash",
        space.0,
        to_bigint("wraps.epoch", named.staged.epoch)?,
        &named.staged.key_id.as_bytes()[..],
        &named.staged.staged_by.as_bytes()[..],
        &recipients as &[&[u8]],
        &hashes as &[&[u8]],
        to_bigint("wraps.named_by_seq", named.by_seq)?,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() == named.wraps.len() as u64)
}
