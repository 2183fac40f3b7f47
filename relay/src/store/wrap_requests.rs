//! Members that wait for a wrap.

use sealpost_protocol::ids::PrincipalId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Store,
    columns::{from_bigint, to_bigint},
};
use crate::log::ports::{SpaceNumber, Staging, WrapRequestRow};
use crate::store_failure::StoreFailure;

/// Notes a request; `false` if the member would wait for more than `limit` wraps. One that waits already is left as it is.
pub(super) async fn ask(
    store: &Store,
    space: SpaceNumber,
    request: WrapRequestRow,
    limit: u32,
    now: OffsetDateTime,
) -> Result<bool, StoreFailure> {
    let epoch = to_bigint("wrap_requests.epoch", request.epoch)?;
    let recipient = &request.recipient.as_bytes()[..];
    let known = sqlx::query_scalar!(
        r#"INSERT INTO wrap_requests (space_no, recipient, epoch, asked_at)
           SELECT $1, $2, $3, $4
           WHERE (SELECT count(*) FROM wrap_requests WHERE space_no = $1 AND recipient = $2) < $5
           ON CONFLICT (space_no, recipient, epoch) DO UPDATE SET asked_at = wrap_requests.asked_at
           RETURNING epoch AS "epoch!""#,
        space.0,
        recipient,
        epoch,
        now,
        i64::from(limit),
    )
    .fetch_optional(store.pool())
    .await?;
    Ok(known.is_some())
}

/// The oldest requests of a space.
pub(super) async fn list(
    store: &Store,
    space: SpaceNumber,
    limit: u32,
) -> Result<Vec<WrapRequestRow>, StoreFailure> {
    let records = sqlx::query!(
        r#"SELECT epoch, recipient AS "recipient: [u8; 32]" FROM wrap_requests
           WHERE space_no = $1 ORDER BY asked_at, recipient, epoch LIMIT $2"#,
        space.0,
        i64::from(limit),
    )
    .fetch_all(store.pool())
    .await?;
    records
        .into_iter()
        .map(|record| {
            Ok(WrapRequestRow {
                epoch: from_bigint("wrap_requests.epoch", record.epoch)?,
                recipient: PrincipalId::new(record.recipient),
            })
        })
        .collect()
}

/// Names the wraps of a staging for which a request waits, and ends those requests.
pub(super) async fn answer_requests(
    connection: &mut PgConnection,
    staging: &Staging,
) -> Result<(), StoreFailure> {
    let recipients: Vec<&[u8]> = staging
        .wraps
        .iter()
        .map(|wrap| &wrap.recipient.as_bytes()[..])
        .collect();
    sqlx::query!(
        "WITH answered AS (
             DELETE FROM wrap_requests WHERE space_no = $1 AND epoch = $2 AND recipient = ANY($3::bytea[])
             RETURNING recipient)
         UPDATE wraps SET named_by_seq = $6 FROM answered
         WHERE wraps.space_no = $1 AND wraps.epoch = $2 AND wraps.key_id = $4 AND wraps.staged_by = $5
           AND wraps.recipient = answered.recipient",
        staging.space.0,
        to_bigint("wraps.epoch", staging.staged.epoch)?,
        &recipients as &[&[u8]],
        &staging.staged.key_id.as_bytes()[..],
        &staging.staged.staged_by.as_bytes()[..],
        to_bigint("wraps.named_by_seq", staging.head_seq)?,
    )
    .execute(connection)
    .await?;
    Ok(())
}
