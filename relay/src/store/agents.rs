use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{
    Store, Transaction, accounts, audit, error::expect_rows, estate, infallible, pairing_codes, principals,
    sessions,
};
use crate::{
    atrest::BlindIndexValue,
    directory::ports::{
        AccountState, AgentRow, AgentStore, EnrollRefusal, HasName, NewAgent, NewAuditEntry, NewPairingCode,
        PairingCodeRow, PairingRefusal, Stored, StoredOr,
    },
    store_failure::{StoreError, StoreFailure},
};

impl AgentStore for Store {
    fn insert_pairing_code<'a>(
        &'a self,
        code: &'a NewPairingCode,
        kept: u32,
        entry: &'a NewAuditEntry,
    ) -> StoredOr<'a, OffsetDateTime, PairingRefusal> {
        Box::pin(self.run_tx("insert_pairing_code", move |tx| {
            Box::pin(pairing_codes::begin(tx, code, kept, entry))
        }))
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

    fn enroll_agent<'a>(
        &'a self,
        agent: &'a NewAgent,
        most: u32,
        has_its_name: &'a HasName<'a>,
    ) -> StoredOr<'a, (), EnrollRefusal> {
        Box::pin(self.run_tx("enroll_agent", move |tx| {
            Box::pin(enroll(tx, agent, most, has_its_name))
        }))
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
        Box::pin(all_of(self.pool(), account_id))
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

    fn revoke_agent<'a>(
        &'a self,
        account_id: AccountId,
        principal_id: PrincipalId,
        entry: &'a NewAuditEntry,
    ) -> Stored<'a, Option<Vec<SessionId>>> {
        Box::pin(infallible(self.run_tx("revoke_agent", move |tx| {
            Box::pin(async move {
                if !is_agent_of(tx.connection(), account_id, principal_id).await? {
                    return Ok(None);
                }
                let ended = end_sessions(tx.connection(), principal_id).await?;
                principals::revoke(tx.connection(), principal_id, entry.created_at).await?;
                delete(tx.connection(), account_id, Some(principal_id)).await?;
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

async fn enroll(
    tx: &mut Transaction<'_>,
    agent: &NewAgent,
    most: u32,
    has_its_name: &HasName<'_>,
) -> Result<(), StoreError<EnrollRefusal>> {
    let account_id = agent.principal.account_id;
    // Held first: of two at once the second begins anew, and counts the first.
    let is_let_in = accounts::hold(tx.connection(), account_id).await?
        && pairing_codes::use_up(tx.connection(), agent).await?;
    if !is_let_in {
        return Err(StoreError::Refused(EnrollRefusal::CodeInvalid));
    }
    let agents = all_of(tx.connection(), account_id).await?;
    if agents.len() >= most as usize {
        return Err(StoreError::Refused(EnrollRefusal::TooMany));
    }
    if agents.iter().any(has_its_name) {
        return Err(StoreError::Refused(EnrollRefusal::NameTaken));
    }
    if !principals::insert(tx.connection(), &agent.principal).await? {
        return Err(StoreError::Refused(EnrollRefusal::KeyTaken));
    }
    insert(tx.connection(), agent).await?;
    sessions::insert(tx.connection(), &agent.session).await?;
    Ok(audit::insert(tx.connection(), &agent.audit).await?)
}

async fn all_of(
    connection: impl PgExecutor<'_>,
    account_id: AccountId,
) -> Result<Vec<AgentRow>, StoreFailure> {
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
    .fetch_all(connection)
    .await?;
    records.into_iter().map(AgentRow::try_from).collect()
}

/// Deletes one agent of an account, or all, with their sessions and what was kept for their principals alone. The
/// principals stay: revoked, so that who has their keys enrolls nowhere again.
pub(super) async fn delete(
    connection: &mut PgConnection,
    account_id: AccountId,
    principal_id: Option<PrincipalId>,
) -> Result<(), StoreFailure> {
    let deleted = sqlx::query_scalar!(
        "DELETE FROM agents WHERE account_id = $1 AND ($2::bytea IS NULL OR principal_id = $2)
         RETURNING principal_id",
        &account_id.as_bytes()[..],
        principal_id.as_ref().map(|id| &id.as_bytes()[..]),
    )
    .fetch_all(&mut *connection)
    .await?;
    estate::drop_of_principals(connection, &deleted).await
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
