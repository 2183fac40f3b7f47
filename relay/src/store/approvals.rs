use sealpost_protocol::ids::AccountId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Store, audit,
    columns::{from_bigint, to_bigint},
    infallible, sessions,
};
use crate::{
    atrest::BlindIndexValue,
    directory::ports::{
        ApprovalStore, ApprovedRequestRow, ClaimedRequest, DeviceRequestRefusal, DeviceRequestRow,
        NewApproval, NewAuditEntry, NewDeviceRequest, Stored, StoredOr,
    },
    store_failure::{StoreError, StoreFailure},
};

impl ApprovalStore for Store {
    fn insert_device_request<'a>(
        &'a self,
        request: &'a NewDeviceRequest,
        most: u32,
    ) -> StoredOr<'a, (), DeviceRequestRefusal> {
        Box::pin(self.run_tx("insert_device_request", move |tx| {
            Box::pin(async move {
                // Requests that come together may go past the bound, by as many as there are connections.
                if count(tx.connection()).await? >= i64::from(most) {
                    return Err(StoreError::Refused(DeviceRequestRefusal::TooMany));
                }
                if !insert(tx.connection(), request).await? {
                    return Err(StoreError::Refused(DeviceRequestRefusal::Taken));
                }
                Ok(())
            })
        }))
    }

    fn device_request(
        &self,
        token_hash: BlindIndexValue,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<DeviceRequestRow>> {
        Box::pin(async move {
            let record = sqlx::query!(
                r#"SELECT claim_hash AS "claim_hash: [u8; 32]", device_sealed, created_at FROM device_requests
                   WHERE token_hash = $1 AND account_id IS NULL AND expires_at > $2"#,
                &token_hash.as_bytes()[..],
                now,
            )
            .fetch_optional(self.pool())
            .await?;
            Ok(record.map(|record| DeviceRequestRow {
                claim_hash: BlindIndexValue::from_bytes(record.claim_hash),
                device_sealed: record.device_sealed,
                created_at: record.created_at,
            }))
        })
    }

    fn approve_device_request<'a>(
        &'a self,
        approval: &'a NewApproval,
        entry: &'a NewAuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(infallible(self.run_tx("approve_device_request", move |tx| {
            Box::pin(async move {
                let NewApproval {
                    account_id,
                    principal_id,
                    ..
                } = *approval;
                if !sessions::account_exists(tx.connection(), account_id, principal_id).await?
                    || !approve(tx.connection(), approval).await?
                {
                    return Ok(false);
                }
                audit::insert(tx.connection(), entry).await?;
                Ok(true)
            })
        })))
    }

    fn claim_device_request(
        &self,
        claim_hash: BlindIndexValue,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<ClaimedRequest>> {
        Box::pin(async move {
            if let Some(approved) = take_approved(self, claim_hash, now).await? {
                return Ok(Some(ClaimedRequest::Approved(approved)));
            }
            let waiting = sqlx::query!(
                r#"SELECT 1 AS "one!" FROM device_requests WHERE claim_hash = $1 AND expires_at > $2"#,
                &claim_hash.as_bytes()[..],
                now,
            )
            .fetch_optional(self.pool())
            .await?;
            Ok(waiting.map(|_| ClaimedRequest::Waiting))
        })
    }

    fn delete_device_request(&self, claim_hash: BlindIndexValue) -> Stored<'_, bool> {
        Box::pin(async move {
            let deleted = sqlx::query!(
                "DELETE FROM device_requests WHERE claim_hash = $1",
                &claim_hash.as_bytes()[..],
            )
            .execute(self.pool())
            .await?;
            Ok(deleted.rows_affected() == 1)
        })
    }
}

async fn count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "requests!" FROM device_requests"#)
        .fetch_one(connection)
        .await
}

/// `false` if one of the tokens is another request's.
async fn insert(connection: &mut PgConnection, request: &NewDeviceRequest) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "INSERT INTO device_requests (token_hash, claim_hash, device_sealed, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        &request.token_hash.as_bytes()[..],
        &request.claim_hash.as_bytes()[..],
        request.device_sealed,
        request.created_at,
        request.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// `false` if the request is not there any more, past its time, or approved already.
async fn approve(connection: &mut PgConnection, approval: &NewApproval) -> Result<bool, StoreFailure> {
    let updated = sqlx::query!(
        "UPDATE device_requests SET account_id = $2, credential_version = $3, approval_sealed = $4
         WHERE token_hash = $1 AND account_id IS NULL AND expires_at > $5",
        &approval.token_hash.as_bytes()[..],
        &approval.account_id.as_bytes()[..],
        to_bigint("device_requests.credential_version", approval.credential_version)?,
        approval.approval_sealed,
        approval.approved_at,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Takes an approved request out of the store, so that nobody can claim it again.
async fn take_approved(
    store: &Store,
    claim_hash: BlindIndexValue,
    now: OffsetDateTime,
) -> Result<Option<ApprovedRequestRow>, StoreFailure> {
    let taken = sqlx::query!(
        r#"DELETE FROM device_requests WHERE claim_hash = $1 AND expires_at > $2 AND account_id IS NOT NULL
           RETURNING token_hash AS "token_hash: [u8; 32]", device_sealed, account_id AS "account_id!: [u8; 16]",
               credential_version AS "credential_version!", approval_sealed AS "approval_sealed!""#,
        &claim_hash.as_bytes()[..],
        now,
    )
    .fetch_optional(store.pool())
    .await?;
    let Some(taken) = taken else { return Ok(None) };
    Ok(Some(ApprovedRequestRow {
        token_hash: BlindIndexValue::from_bytes(taken.token_hash),
        device_sealed: taken.device_sealed,
        account_id: AccountId::new(taken.account_id),
        credential_version: from_bigint("device_requests.credential_version", taken.credential_version)?,
        approval_sealed: taken.approval_sealed,
    }))
}
