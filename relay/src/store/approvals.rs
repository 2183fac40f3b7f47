use sealpost_protocol::ids::{AccountId, SessionId};
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
        ExpectedDeviceRow, NewApproval, NewAuditEntry, NewDeviceRequest, Stored, StoredOr,
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
            let found = sqlx::query_as!(
                ClaimedRecord,
                r#"SELECT token_hash AS "token_hash: [u8; 32]", device_sealed, account_id AS "account_id: [u8; 16]",
                       credential_version, session_id AS "session_id: [u8; 16]", approval_sealed
                   FROM device_requests WHERE claim_hash = $1 AND expires_at > $2"#,
                &claim_hash.as_bytes()[..],
                now,
            )
            .fetch_optional(self.pool())
            .await?;
            found.map(ClaimedRequest::try_from).transpose()
        })
    }

    fn expected_devices(
        &self,
        account_id: AccountId,
        now: OffsetDateTime,
    ) -> Stored<'_, Vec<ExpectedDeviceRow>> {
        Box::pin(async move {
            let records = sqlx::query!(
                r#"SELECT token_hash AS "token_hash: [u8; 32]", claim_hash AS "claim_hash: [u8; 32]", device_sealed,
                       session_id AS "session_id!: [u8; 16]", created_at, expires_at
                   FROM device_requests WHERE account_id = $1 AND session_id IS NOT NULL AND expires_at > $2
                   ORDER BY created_at DESC, session_id"#,
                &account_id.as_bytes()[..],
                now,
            )
            .fetch_all(self.pool())
            .await?;
            let row = records.into_iter().map(|record| ExpectedDeviceRow {
                token_hash: BlindIndexValue::from_bytes(record.token_hash),
                claim_hash: BlindIndexValue::from_bytes(record.claim_hash),
                device_sealed: record.device_sealed,
                session_id: SessionId::new(record.session_id),
                created_at: record.created_at,
                expires_at: record.expires_at,
            });
            Ok(row.collect())
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
        "UPDATE device_requests SET account_id = $2, credential_version = $3, approval_sealed = $4, session_id = $6
         WHERE token_hash = $1 AND account_id IS NULL AND expires_at > $5",
        &approval.token_hash.as_bytes()[..],
        &approval.account_id.as_bytes()[..],
        to_bigint("device_requests.credential_version", approval.credential_version)?,
        approval.approval_sealed,
        approval.approved_at,
        &approval.session_id.as_bytes()[..],
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Takes an approved request out of the store as its session comes, so that nobody gets another; `false` if it is gone.
pub(super) async fn use_up(
    connection: &mut PgConnection,
    claim_hash: BlindIndexValue,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM device_requests WHERE claim_hash = $1 AND account_id IS NOT NULL AND expires_at > $2",
        &claim_hash.as_bytes()[..],
        now,
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Takes back the approval that this session would come of; `false` if there is none.
pub(super) async fn take_back(
    connection: &mut PgConnection,
    account_id: AccountId,
    session_id: SessionId,
) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM device_requests WHERE account_id = $1 AND session_id = $2",
        &account_id.as_bytes()[..],
        &session_id.as_bytes()[..],
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Takes back all approvals of an account that nobody came for.
pub(super) async fn void_all(
    connection: &mut PgConnection,
    account_id: AccountId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM device_requests WHERE account_id = $1",
        &account_id.as_bytes()[..],
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct ClaimedRecord {
    token_hash: [u8; 32],
    device_sealed: Vec<u8>,
    account_id: Option<[u8; 16]>,
    credential_version: Option<i64>,
    session_id: Option<[u8; 16]>,
    approval_sealed: Option<Vec<u8>>,
}

impl TryFrom<ClaimedRecord> for ClaimedRequest {
    type Error = StoreFailure;

    fn try_from(record: ClaimedRecord) -> Result<Self, StoreFailure> {
        let (Some(account_id), Some(version), Some(approval_sealed)) = (
            record.account_id,
            record.credential_version,
            record.approval_sealed,
        ) else {
            return Ok(Self::Waiting);
        };
        Ok(Self::Approved(ApprovedRequestRow {
            token_hash: BlindIndexValue::from_bytes(record.token_hash),
            device_sealed: record.device_sealed,
            account_id: AccountId::new(account_id),
            credential_version: from_bigint("device_requests.credential_version", version)?,
            session_id: record.session_id.map(SessionId::new),
            approval_sealed,
        }))
    }
}
