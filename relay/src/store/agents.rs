use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Store, Transaction, audit, error::expect_rows, estate, infallible, principals, sessions};
use crate::{
    atrest::BlindIndexValue,
    directory::ports::{
        AccountState, AgentRow, AgentStore, EnrollRefusal, NewAgent, NewAuditEntry, NewPairingCode,
        PairingCodeRow, Stored, StoredOr,
    },
    store_failure::{StoreError, StoreFailure},
};

impl AgentStore for Store {
    fn insert_pairing_code<'a>(
        &'a self,
        code: &'a NewPairingCode,
        kept: u32,
        entry: &'a NewAuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(infallible(self.run_tx("insert_pairing_code", move |tx| {
            Box::pin(async move {
                if !sessions::account_exists(tx.connection(), code.account_id).await? {
                    return Ok(false);
                }
                insert_code(tx.connection(), code).await?;
                drop_codes_beyond(tx.connection(), code.account_id, kept).await?;
                audit::insert(tx.connection(), entry).await?;
                Ok(true)
            })
        })))
    }

    fn pairing_code(
        &self,
        token_hash: BlindIndexValue,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<PairingCodeRow>> {
        Box::pin(async move {
            let record = sqlx::query!(
                r#"SELECT account_id AS "account_id: [u8; 16]", state, name_sealed
                   FROM pairing_codes JOIN accounts USING (account_id)
                   WHERE token_hash = $1 AND expires_at > $2"#,
                &token_hash.as_bytes()[..],
                now,
            )
            .fetch_optional(self.pool())
            .await?;
            let Some(record) = record else { return Ok(None) };
            Ok(Some(PairingCodeRow {
                account_id: AccountId::new(record.account_id),
                account_state: state(&record.state)?,
                name_sealed: record.name_sealed,
            }))
        })
    }

    fn enroll_agent<'a>(&'a self, agent: &'a NewAgent, most: u32) -> StoredOr<'a, (), EnrollRefusal> {
        Box::pin(self.run_tx("enroll_agent", move |tx| Box::pin(enroll(tx, agent, most))))
    }

    fn agent(&self, principal_id: PrincipalId) -> Stored<'_, Option<AgentRow>> {
        Box::pin(async move {
            let record = sqlx::query_as!(
                AgentRecord,
                r#"SELECT agents.principal_id AS "principal_id: [u8; 32]", agents.account_id AS "account_id: [u8; 16]",
                       state, name_sealed, manifest_sealed, agents.created_at, last_seen_at
                   FROM agents JOIN principals USING (principal_id)
                       JOIN accounts ON accounts.account_id = agents.account_id
                   WHERE agents.principal_id = $1"#,
                &principal_id.as_bytes()[..],
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(AgentRow::try_from).transpose()
        })
    }

    fn agents_of(&self, account_id: AccountId) -> Stored<'_, Vec<AgentRow>> {
        Box::pin(async move {
            let records = sqlx::query_as!(
                AgentRecord,
                r#"SELECT agents.principal_id AS "principal_id: [u8; 32]", agents.account_id AS "account_id: [u8; 16]",
                       state, name_sealed, manifest_sealed, agents.created_at, last_seen_at
                   FROM agents JOIN principals USING (principal_id)
                       JOIN accounts ON accounts.account_id = agents.account_id
                   WHERE agents.account_id = $1
                   ORDER BY agents.created_at DESC, agents.principal_id"#,
                &account_id.as_bytes()[..],
            )
            .fetch_all(self.pool())
            .await?;
            records.into_iter().map(AgentRow::try_from).collect()
        })
    }

    fn touch_agent(
        &self,
        principal_id: PrincipalId,
        seen_at: OffsetDateTime,
        before: OffsetDateTime,
    ) -> Stored<'_, ()> {
        Box::pin(async move {
            // No row is no error: the agent may have been revoked meanwhile.
            sqlx::query!(
                "UPDATE agents SET last_seen_at = $2 WHERE principal_id = $1 AND last_seen_at <= $3",
                &principal_id.as_bytes()[..],
                seen_at,
                before,
            )
            .execute(self.pool())
            .await?;
            Ok(())
        })
    }

    fn delete_agent<'a>(
        &'a self,
        account_id: AccountId,
        principal_id: PrincipalId,
        entry: &'a NewAuditEntry,
    ) -> Stored<'a, Option<Vec<SessionId>>> {
        Box::pin(infallible(self.run_tx("delete_agent", move |tx| {
            Box::pin(async move {
                if !is_agent_of(tx.connection(), account_id, principal_id).await? {
                    return Ok(None);
                }
                let ended = end_sessions(tx.connection(), principal_id).await?;
                estate::drop_of_principal(tx.connection(), principal_id).await?;
                principals::delete(tx.connection(), principal_id).await?;
                audit::insert(tx.connection(), entry).await?;
                Ok(Some(ended))
            })
        })))
    }
}

/// Whether the agent is there, and will be until the transaction ends.
pub(super) async fn exists(
    connection: &mut PgConnection,
    principal_id: PrincipalId,
) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM agents WHERE principal_id = $1 FOR KEY SHARE"#,
        &principal_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await?;
    Ok(locked.is_some())
}

async fn insert_code(connection: &mut PgConnection, code: &NewPairingCode) -> Result<(), StoreFailure> {
    let inserted = sqlx::query!(
        "INSERT INTO pairing_codes (token_hash, account_id, name_sealed, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
        &code.token_hash.as_bytes()[..],
        &code.account_id.as_bytes()[..],
        code.name_sealed,
        code.created_at,
        code.expires_at,
    )
    .execute(connection)
    .await?;
    expect_rows("insert into pairing_codes", 1, &inserted)
}

/// Drops the oldest codes of an account, until `kept` are left.
async fn drop_codes_beyond(
    connection: &mut PgConnection,
    account_id: AccountId,
    kept: u32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM pairing_codes WHERE token_hash IN (
             SELECT token_hash FROM pairing_codes WHERE account_id = $1
             ORDER BY created_at DESC, token_hash OFFSET $2)",
        &account_id.as_bytes()[..],
        i64::from(kept),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn enroll(
    tx: &mut Transaction<'_>,
    agent: &NewAgent,
    most: u32,
) -> Result<(), StoreError<EnrollRefusal>> {
    if !use_code(tx.connection(), agent).await? {
        return Err(StoreError::Refused(EnrollRefusal::CodeInvalid));
    }
    if count(tx.connection(), agent.principal.account_id).await? >= i64::from(most) {
        return Err(StoreError::Refused(EnrollRefusal::TooMany));
    }
    if !principals::insert(tx.connection(), &agent.principal).await? {
        return Err(StoreError::Refused(EnrollRefusal::KeyTaken));
    }
    insert(tx.connection(), agent).await?;
    sessions::insert(tx.connection(), &agent.session).await?;
    Ok(audit::insert(tx.connection(), &agent.audit).await?)
}

/// Deletes the code; `false` if it is not there any more, or past its time.
async fn use_code(connection: &mut PgConnection, agent: &NewAgent) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM pairing_codes WHERE token_hash = $1 AND account_id = $2 AND expires_at > $3",
        &agent.token_hash.as_bytes()[..],
        &agent.principal.account_id.as_bytes()[..],
        agent.principal.created_at,
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// How many agents an account has. Who enrolls holds the account's row, so that two at once do not both take the last place.
async fn count(connection: &mut PgConnection, account_id: AccountId) -> Result<i64, sqlx::Error> {
    sqlx::query!(
        r#"SELECT 1 AS "one!" FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE"#,
        &account_id.as_bytes()[..],
    )
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "agents!" FROM agents WHERE account_id = $1"#,
        &account_id.as_bytes()[..],
    )
    .fetch_one(connection)
    .await
}

async fn insert(connection: &mut PgConnection, agent: &NewAgent) -> Result<(), StoreFailure> {
    let inserted = sqlx::query!(
        "INSERT INTO agents (principal_id, account_id, name_sealed, created_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $4)",
        &agent.principal.principal_id.as_bytes()[..],
        &agent.principal.account_id.as_bytes()[..],
        agent.name_sealed,
        agent.principal.created_at,
    )
    .execute(connection)
    .await?;
    expect_rows("insert into agents", 1, &inserted)
}

async fn is_agent_of(
    connection: &mut PgConnection,
    account_id: AccountId,
    principal_id: PrincipalId,
) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM agents WHERE account_id = $1 AND principal_id = $2 FOR UPDATE"#,
        &account_id.as_bytes()[..],
        &principal_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await?;
    Ok(locked.is_some())
}

async fn end_sessions(
    connection: &mut PgConnection,
    principal_id: PrincipalId,
) -> Result<Vec<SessionId>, sqlx::Error> {
    let ended = sqlx::query_scalar!(
        r#"DELETE FROM sessions WHERE agent_id = $1 RETURNING session_id AS "session_id: [u8; 16]""#,
        &principal_id.as_bytes()[..],
    )
    .fetch_all(connection)
    .await?;
    Ok(ended.into_iter().map(SessionId::new).collect())
}

struct AgentRecord {
    principal_id: [u8; 32],
    account_id: [u8; 16],
    state: String,
    name_sealed: Vec<u8>,
    manifest_sealed: Vec<u8>,
    created_at: OffsetDateTime,
    last_seen_at: OffsetDateTime,
}

impl TryFrom<AgentRecord> for AgentRow {
    type Error = StoreFailure;

    fn try_from(record: AgentRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            principal_id: PrincipalId::new(record.principal_id),
            account_id: AccountId::new(record.account_id),
            account_state: state(&record.state)?,
            name_sealed: record.name_sealed,
            manifest_sealed: record.manifest_sealed,
            created_at: record.created_at,
            last_seen_at: record.last_seen_at,
        })
    }
}

fn state(word: &str) -> Result<AccountState, StoreFailure> {
    AccountState::from_word(word).ok_or(StoreFailure::Malformed("accounts.state"))
}
