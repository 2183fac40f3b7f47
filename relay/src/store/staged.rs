use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use time::OffsetDateTime;

use super::{
    Store, Transaction, agents, approvals, audit,
    columns::{from_bigint, to_bigint},
    error::{expect_rows, violated_constraint},
    keystores, pairing_codes, principals,
};
use crate::{
    directory::{
        ids::StageId,
        ports::{
            CommitStaged, KeystoreRefusal, KeystoreRules, NewPrincipal, NewRecoveryKey, NewStage, StageRow,
            StagedPrincipal, StagedRefusal, StagedStore, Stored, StoredOr,
        },
    },
    store_failure::{StoreError, StoreFailure},
};

const BASE_VERSION: &str = "staged_changes.base_version";

impl StagedStore for Store {
    fn stage<'a>(&'a self, stage: &'a NewStage) -> StoredOr<'a, (), StagedRefusal> {
        Box::pin(self.run_tx("stage", move |tx| {
            Box::pin(async move {
                if !is_current(tx, stage).await? {
                    return Err(StoreError::Refused(StagedRefusal::Conflict));
                }
                upsert(tx, stage).await
            })
        }))
    }

    fn staged(
        &self,
        account_id: AccountId,
        session_id: SessionId,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<StageRow>> {
        Box::pin(async move {
            let record = sqlx::query_as!(
                StageRecord,
                r#"SELECT stage_id AS "stage_id: [u8; 16]", base_version, keystore_sealed, record_sealed,
                       recovery_key_sealed, verified, principal_id AS "principal_id: [u8; 32]", manifest_sealed
                   FROM staged_changes WHERE account_id = $1 AND session_id = $2 AND expires_at > $3"#,
                &account_id.as_bytes()[..],
                &session_id.as_bytes()[..],
                now,
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(StageRow::try_from).transpose()
        })
    }

    fn mark_stage_verified(&self, account_id: AccountId, stage_id: StageId) -> Stored<'_, bool> {
        Box::pin(async move {
            let updated = sqlx::query!(
                "UPDATE staged_changes SET verified = true WHERE account_id = $1 AND stage_id = $2",
                &account_id.as_bytes()[..],
                &stage_id.as_bytes()[..],
            )
            .execute(self.pool())
            .await?;
            Ok(updated.rows_affected() == 1)
        })
    }

    fn commit_staged<'a>(
        &'a self,
        commit: &'a CommitStaged,
        rules: KeystoreRules,
    ) -> StoredOr<'a, (), StagedRefusal> {
        Box::pin(self.run_tx("commit_staged", move |tx| {
            Box::pin(commit_staged(tx, commit, rules))
        }))
    }
}

async fn is_current(tx: &mut Transaction<'_>, stage: &NewStage) -> Result<bool, StoreFailure> {
    let current = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM accounts WHERE account_id = $1 AND keystore_version = $2 FOR UPDATE"#,
        &stage.account_id.as_bytes()[..],
        to_bigint(BASE_VERSION, stage.base_version)?,
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(current.is_some())
}

async fn upsert(tx: &mut Transaction<'_>, stage: &NewStage) -> Result<(), StoreError<StagedRefusal>> {
    let key: Option<&NewRecoveryKey> = stage.recovery_key.as_ref();
    let written = sqlx::query!(
        "INSERT INTO staged_changes
             (account_id, stage_id, base_version, keystore_sealed, record_sealed, recovery_key_index,
              recovery_key_sealed, verified, staged_at, expires_at, principal_id, manifest_sealed, session_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $5::bytea IS NULL, $8, $9, $10, $11, $12)
         ON CONFLICT (account_id) DO UPDATE SET
             stage_id = excluded.stage_id, base_version = excluded.base_version,
             keystore_sealed = excluded.keystore_sealed, record_sealed = excluded.record_sealed,
             recovery_key_index = excluded.recovery_key_index,
             recovery_key_sealed = excluded.recovery_key_sealed, verified = excluded.verified,
             staged_at = excluded.staged_at, expires_at = excluded.expires_at,
             principal_id = excluded.principal_id, manifest_sealed = excluded.manifest_sealed,
             session_id = excluded.session_id",
        &stage.account_id.as_bytes()[..],
        &stage.stage_id.as_bytes()[..],
        to_bigint(BASE_VERSION, stage.base_version)?,
        stage.keystore_sealed,
        stage.record_sealed.as_deref(),
        key.map(|key| &key.index.as_bytes()[..]),
        key.map(|key| &key.sealed[..]),
        stage.staged_at,
        stage.expires_at,
        stage
            .principal
            .as_ref()
            .map(|new| &new.principal_id.as_bytes()[..]),
        stage.principal.as_ref().map(|new| &new.manifest_sealed[..]),
        &stage.session_id.as_bytes()[..],
    )
    .execute(tx.connection())
    .await
    .map_err(session_ended)?;
    Ok(expect_rows("insert into staged_changes", 1, &written)?)
}

async fn commit_staged(
    tx: &mut Transaction<'_>,
    commit: &CommitStaged,
    rules: KeystoreRules,
) -> Result<(), StoreError<StagedRefusal>> {
    remove_stage(tx, commit).await?;
    keystores::replace(tx, &commit.keystore, rules)
        .await
        .map_err(widen)?;
    replace_credentials(tx, commit).await?;
    pairing_codes::void_all(tx.connection(), commit.keystore.account_id).await?;
    approvals::void_all(tx.connection(), commit.keystore.account_id).await?;
    if let Some(principal) = &commit.principal {
        replace_principal(tx, commit, principal).await?;
    }
    Ok(audit::insert(tx.connection(), &commit.audit).await?)
}

async fn remove_stage(
    tx: &mut Transaction<'_>,
    commit: &CommitStaged,
) -> Result<(), StoreError<StagedRefusal>> {
    let deleted = sqlx::query!(
        "DELETE FROM staged_changes WHERE account_id = $1 AND stage_id = $2 AND session_id = $3",
        &commit.keystore.account_id.as_bytes()[..],
        &commit.stage_id.as_bytes()[..],
        &commit.session_id.as_bytes()[..],
    )
    .execute(tx.connection())
    .await?;
    refuse_unless_one(deleted.rows_affected())
}

async fn replace_credentials(
    tx: &mut Transaction<'_>,
    commit: &CommitStaged,
) -> Result<(), StoreError<StagedRefusal>> {
    let updated = sqlx::query!(
        "UPDATE accounts SET credential_version = credential_version + 1, record_sealed = $3,
             recovery_key_index = $4, recovery_key_sealed = $5
         WHERE account_id = $1 AND credential_version = $2",
        &commit.keystore.account_id.as_bytes()[..],
        to_bigint("accounts.credential_version", commit.base_credential_version)?,
        commit.record_sealed,
        &commit.recovery_key.index.as_bytes()[..],
        commit.recovery_key.sealed,
    )
    .execute(tx.connection())
    .await
    .map_err(key_taken)?;
    refuse_unless_one(updated.rows_affected())
}

/// The one before is revoked, not forgotten: who has its keys must not be able to register it again. The agents go with it:
/// whoever had the account's keys may have made them, and in spaces they stand on the word of the principal before.
async fn replace_principal(
    tx: &mut Transaction<'_>,
    commit: &CommitStaged,
    new: &NewPrincipal,
) -> Result<(), StoreError<StagedRefusal>> {
    let account_id = &new.account_id.as_bytes()[..];
    sqlx::query!(
        "UPDATE principals SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL",
        account_id,
        new.created_at,
    )
    .execute(tx.connection())
    .await?;
    if !principals::insert(tx.connection(), new).await? {
        return Err(StoreError::Refused(StagedRefusal::PrincipalTaken));
    }
    let updated = sqlx::query!(
        "UPDATE accounts SET principal_id = $2 WHERE account_id = $1",
        account_id,
        &new.principal_id.as_bytes()[..],
    )
    .execute(tx.connection())
    .await?;
    refuse_unless_one(updated.rows_affected())?;
    agents::delete(tx.connection(), new.account_id, None).await?;
    end_other_sessions(tx, commit, new).await
}

/// A session that is stored while this transaction goes on is not seen here: it names the principal before, and so does not
/// count ([`super::sessions`]).
async fn end_other_sessions(
    tx: &mut Transaction<'_>,
    commit: &CommitStaged,
    new: &NewPrincipal,
) -> Result<(), StoreError<StagedRefusal>> {
    let (account_id, session_id) = (&new.account_id.as_bytes()[..], &commit.session_id.as_bytes()[..]);
    sqlx::query!(
        "DELETE FROM sessions WHERE account_id = $1 AND session_id <> $2",
        account_id,
        session_id,
    )
    .execute(tx.connection())
    .await?;
    let kept = sqlx::query!(
        "UPDATE sessions SET principal_id = $3 WHERE account_id = $1 AND session_id = $2",
        account_id,
        session_id,
        &new.principal_id.as_bytes()[..],
    )
    .execute(tx.connection())
    .await?;
    match kept.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Refused(StagedRefusal::SessionEnded)),
    }
}

fn refuse_unless_one(rows: u64) -> Result<(), StoreError<StagedRefusal>> {
    if rows == 1 {
        Ok(())
    } else {
        Err(StoreError::Refused(StagedRefusal::Conflict))
    }
}

fn session_ended(error: sqlx::Error) -> StoreError<StagedRefusal> {
    match violated_constraint(&error) {
        Some("staged_changes_session_id_fkey") => StoreError::Refused(StagedRefusal::SessionEnded),
        _ => error.into(),
    }
}

fn key_taken(error: sqlx::Error) -> StoreError<StagedRefusal> {
    match violated_constraint(&error) {
        Some("accounts_recovery_key_index_key") => StoreError::Refused(StagedRefusal::KeyTaken),
        _ => error.into(),
    }
}

fn widen(error: StoreError<KeystoreRefusal>) -> StoreError<StagedRefusal> {
    match error {
        StoreError::Refused(refusal) => StoreError::Refused(refusal.into()),
        StoreError::Failed(failure) => StoreError::Failed(failure),
    }
}

struct StageRecord {
    stage_id: [u8; 16],
    base_version: i64,
    keystore_sealed: Vec<u8>,
    record_sealed: Option<Vec<u8>>,
    recovery_key_sealed: Option<Vec<u8>>,
    verified: bool,
    principal_id: Option<[u8; 32]>,
    manifest_sealed: Option<Vec<u8>>,
}

impl TryFrom<StageRecord> for StageRow {
    type Error = StoreFailure;

    fn try_from(record: StageRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            stage_id: StageId::new(record.stage_id),
            base_version: from_bigint(BASE_VERSION, record.base_version)?,
            keystore_sealed: record.keystore_sealed,
            record_sealed: record.record_sealed,
            recovery_key_sealed: record.recovery_key_sealed,
            verified: record.verified,
            principal: record
                .principal_id
                .zip(record.manifest_sealed)
                .map(|(id, manifest_sealed)| StagedPrincipal {
                    principal_id: PrincipalId::new(id),
                    manifest_sealed,
                }),
        })
    }
}
