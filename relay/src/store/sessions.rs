//! Devices that are logged in. A session of a person counts while the principal that it was opened for is the account's:
//! one that was under way while its owner started over does not outlive that.

use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Store, agents, approvals, audit,
    columns::{from_bigint, to_bigint},
    error::expect_rows,
    infallible,
};
use crate::{
    atrest::BlindIndexValue,
    directory::ports::{AccountState, NewAuditEntry, NewSession, SessionRow, SessionStore, Stored},
    store_failure::StoreFailure,
};

const CREDENTIAL_VERSION: &str = "sessions.credential_version";

impl SessionStore for Store {
    fn insert_session<'a>(
        &'a self,
        session: &'a NewSession,
        kept: u32,
        entry: &'a NewAuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(infallible(self.run_tx("insert_session", move |tx| {
            Box::pin(async move {
                if !owner_exists(tx.connection(), session).await? {
                    return Ok(false);
                }
                if let Some(claim_hash) = session.claim_hash
                    && !approvals::use_up(tx.connection(), claim_hash, session.created_at).await?
                {
                    return Ok(false);
                }
                insert(tx.connection(), session).await?;
                end_beyond(tx.connection(), session, kept).await?;
                audit::insert(tx.connection(), entry).await?;
                Ok(true)
            })
        })))
    }

    fn session_by_token(
        &self,
        token_hash: BlindIndexValue,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<SessionRow>> {
        Box::pin(async move {
            let record = sqlx::query_as!(
                SessionRecord,
                r#"SELECT session_id AS "session_id: [u8; 16]", account_id AS "account_id: [u8; 16]",
                       COALESCE(agent_id, accounts.principal_id) AS "principal_id!: [u8; 32]",
                       agent_id AS "agent_id: [u8; 32]", state, by_approval, device_sealed,
                       CASE WHEN sessions.credential_version = accounts.credential_version
                            THEN sessions.credential_version END AS credential_version,
                       sessions.created_at, last_seen_at, expires_at
                   FROM sessions JOIN accounts USING (account_id)
                   WHERE token_hash = $1 AND expires_at > $2
                     AND (agent_id IS NOT NULL OR sessions.principal_id IS NULL
                          OR sessions.principal_id = accounts.principal_id)"#,
                &token_hash.as_bytes()[..],
                now,
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(SessionRow::try_from).transpose()
        })
    }

    fn touch_session(&self, session_id: SessionId, seen_at: OffsetDateTime) -> Stored<'_, ()> {
        Box::pin(async move {
            // No row is no error: the session may have been ended meanwhile.
            sqlx::query!(
                "UPDATE sessions SET last_seen_at = $2 WHERE session_id = $1 AND last_seen_at < $2",
                &session_id.as_bytes()[..],
                seen_at,
            )
            .execute(self.pool())
            .await?;
            Ok(())
        })
    }

    fn sessions_of(
        &self,
        account_id: AccountId,
        agent_id: Option<PrincipalId>,
        now: OffsetDateTime,
    ) -> Stored<'_, Vec<SessionRow>> {
        Box::pin(async move {
            let records = sqlx::query_as!(
                SessionRecord,
                r#"SELECT session_id AS "session_id: [u8; 16]", account_id AS "account_id: [u8; 16]",
                       COALESCE(agent_id, accounts.principal_id) AS "principal_id!: [u8; 32]",
                       agent_id AS "agent_id: [u8; 32]", state, by_approval, device_sealed,
                       CASE WHEN sessions.credential_version = accounts.credential_version
                            THEN sessions.credential_version END AS credential_version,
                       sessions.created_at, last_seen_at, expires_at
                   FROM sessions JOIN accounts USING (account_id)
                   WHERE account_id = $1 AND expires_at > $2 AND agent_id IS NOT DISTINCT FROM $3
                     AND (agent_id IS NOT NULL OR sessions.principal_id IS NULL
                          OR sessions.principal_id = accounts.principal_id)
                   ORDER BY sessions.created_at DESC, session_id"#,
                &account_id.as_bytes()[..],
                now,
                agent(&agent_id),
            )
            .fetch_all(self.pool())
            .await?;
            records.into_iter().map(SessionRow::try_from).collect()
        })
    }

    fn ended_among<'a>(
        &'a self,
        session_ids: &'a [SessionId],
        now: OffsetDateTime,
    ) -> Stored<'a, Vec<SessionId>> {
        Box::pin(async move {
            let asked: Vec<_> = session_ids.iter().map(|id| id.as_bytes().to_vec()).collect();
            let ended = sqlx::query_scalar!(
                r#"SELECT asked AS "session_id!: [u8; 16]" FROM unnest($1::bytea[]) AS asked
                   WHERE NOT EXISTS (
                       SELECT FROM sessions JOIN accounts USING (account_id)
                       WHERE session_id = asked AND expires_at > $2 AND state = $3
                         AND (agent_id IS NOT NULL OR sessions.principal_id IS NULL
                              OR sessions.principal_id = accounts.principal_id))"#,
                &asked,
                now,
                AccountState::Active.as_str(),
            )
            .fetch_all(self.pool())
            .await?;
            Ok(ended.into_iter().map(SessionId::new).collect())
        })
    }

    fn delete_session<'a>(
        &'a self,
        account_id: AccountId,
        agent_id: Option<PrincipalId>,
        session_id: SessionId,
        entry: &'a NewAuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(infallible(self.run_tx("delete_session", move |tx| {
            Box::pin(async move {
                let deleted = sqlx::query!(
                    "DELETE FROM sessions
                     WHERE account_id = $1 AND session_id = $2 AND agent_id IS NOT DISTINCT FROM $3",
                    &account_id.as_bytes()[..],
                    &session_id.as_bytes()[..],
                    agent(&agent_id),
                )
                .execute(tx.connection())
                .await?;
                let is_ended = deleted.rows_affected() == 1
                    || agent_id.is_none()
                        && approvals::take_back(tx.connection(), account_id, session_id).await?;
                if !is_ended {
                    return Ok(false);
                }
                audit::insert(tx.connection(), entry).await?;
                Ok(true)
            })
        })))
    }
}

/// Stores a session.
pub(super) async fn insert(connection: &mut PgConnection, session: &NewSession) -> Result<(), StoreFailure> {
    let inserted = sqlx::query!(
        "INSERT INTO sessions
             (session_id, token_hash, account_id, principal_id, agent_id, by_approval, device_sealed, created_at,
              last_seen_at, expires_at, credential_version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)",
        &session.session_id.as_bytes()[..],
        &session.token_hash.as_bytes()[..],
        &session.account_id.as_bytes()[..],
        &session.principal_id.as_bytes()[..],
        agent(&session.agent_id),
        session.claim_hash.is_some(),
        session.device_sealed,
        session.created_at,
        session.expires_at,
        session
            .credential_version
            .map(|version| to_bigint(CREDENTIAL_VERSION, version))
            .transpose()?,
    )
    .execute(connection)
    .await?;
    expect_rows("insert into sessions", 1, &inserted)
}

/// Ends the sessions of the same person or agent that were not used for the longest time, until `kept` are left.
async fn end_beyond(
    connection: &mut PgConnection,
    session: &NewSession,
    kept: u32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM sessions WHERE session_id IN (
             SELECT session_id FROM sessions WHERE account_id = $1 AND agent_id IS NOT DISTINCT FROM $3
             ORDER BY last_seen_at DESC, created_at DESC, session_id OFFSET $2)",
        &session.account_id.as_bytes()[..],
        i64::from(kept),
        agent(&session.agent_id),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether who logged in is there still, and will be until the transaction ends: the agent, or the account with the
/// principal that was proven. Of the latter the lock is no proof, as another transaction may be putting a new one in its
/// place; what comes of that shows when the session is used.
async fn owner_exists(connection: &mut PgConnection, session: &NewSession) -> Result<bool, sqlx::Error> {
    if let Some(agent_id) = session.agent_id {
        return agents::exists(connection, agent_id).await;
    }
    account_exists(connection, session.account_id, session.principal_id).await
}

/// Whether the account is there with this principal, and will be there until the transaction ends.
pub(super) async fn account_exists(
    connection: &mut PgConnection,
    account_id: AccountId,
    principal_id: PrincipalId,
) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM accounts WHERE account_id = $1 AND principal_id = $2 FOR KEY SHARE"#,
        &account_id.as_bytes()[..],
        &principal_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await?;
    Ok(locked.is_some())
}

fn agent(agent_id: &Option<PrincipalId>) -> Option<&[u8]> {
    agent_id.as_ref().map(|id| &id.as_bytes()[..])
}

struct SessionRecord {
    session_id: [u8; 16],
    account_id: [u8; 16],
    principal_id: [u8; 32],
    agent_id: Option<[u8; 32]>,
    state: String,
    credential_version: Option<i64>,
    by_approval: bool,
    device_sealed: Vec<u8>,
    created_at: OffsetDateTime,
    last_seen_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

impl TryFrom<SessionRecord> for SessionRow {
    type Error = StoreFailure;

    fn try_from(record: SessionRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            session_id: SessionId::new(record.session_id),
            account_id: AccountId::new(record.account_id),
            principal_id: PrincipalId::new(record.principal_id),
            agent_id: record.agent_id.map(PrincipalId::new),
            account_state: AccountState::from_word(&record.state)
                .ok_or(StoreFailure::Malformed("accounts.state"))?,
            credential_version: record
                .credential_version
                .map(|version| from_bigint(CREDENTIAL_VERSION, version))
                .transpose()?,
            by_approval: record.by_approval,
            device_sealed: record.device_sealed,
            created_at: record.created_at,
            last_seen_at: record.last_seen_at,
            expires_at: record.expires_at,
        })
    }
}
