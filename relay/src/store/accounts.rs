use sealpost_protocol::ids::{AccountId, PrincipalId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Store, Transaction, audit,
    columns::from_bigint,
    error::{expect_rows, violated_constraint},
    estate, infallible, keystores, principals, sessions, tokens,
};
use crate::{
    atrest::BlindIndexValue,
    directory::ports::{
        AccountRow, AccountState, AccountStore, AccountSummary, NewAccount, NewAuditEntry,
        NewKeystoreVersion, RegistrationRefusal, Stored, StoredOr,
    },
    store_failure::{StoreError, StoreFailure},
};

type Registration<T> = Result<T, StoreError<RegistrationRefusal>>;

impl AccountStore for Store {
    fn register<'a>(&'a self, account: &'a NewAccount) -> StoredOr<'a, (), RegistrationRefusal> {
        Box::pin(self.run_tx("register", move |tx| Box::pin(register(tx, account))))
    }

    fn account_by_handle(&self, handle_index: BlindIndexValue) -> Stored<'_, Option<AccountRow>> {
        Box::pin(async move {
            let record = sqlx::query_as!(
                AccountRecord,
                r#"SELECT account_id AS "account_id: [u8; 16]", handle_sealed, credential_version, record_sealed,
                       recovery_key_sealed, principal_id AS "principal_id: [u8; 32]", keystore_version, state
                   FROM accounts WHERE handle_index = $1"#,
                &handle_index.as_bytes()[..],
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(AccountRow::try_from).transpose()
        })
    }

    fn account_by_recovery_key(&self, key_index: BlindIndexValue) -> Stored<'_, Option<(AccountId, u64)>> {
        Box::pin(async move {
            let record = sqlx::query!(
                r#"SELECT account_id AS "account_id: [u8; 16]", credential_version
                   FROM accounts WHERE recovery_key_index = $1"#,
                &key_index.as_bytes()[..],
            )
            .fetch_optional(self.pool())
            .await?;
            let Some(record) = record else { return Ok(None) };
            let version = from_bigint("accounts.credential_version", record.credential_version)?;
            Ok(Some((AccountId::new(record.account_id), version)))
        })
    }

    fn account(&self, account_id: AccountId) -> Stored<'_, Option<AccountRow>> {
        Box::pin(async move {
            let record = sqlx::query_as!(
                AccountRecord,
                r#"SELECT account_id AS "account_id: [u8; 16]", handle_sealed, credential_version, record_sealed,
                       recovery_key_sealed, principal_id AS "principal_id: [u8; 32]", keystore_version, state
                   FROM accounts WHERE account_id = $1"#,
                &account_id.as_bytes()[..],
            )
            .fetch_optional(self.pool())
            .await?;
            record.map(AccountRow::try_from).transpose()
        })
    }

    fn stored_bytes(&self, account_id: AccountId) -> Stored<'_, u64> {
        Box::pin(async move { Ok(self.account_usage(account_id).await?.bytes) })
    }

    fn accounts_page(&self, after: Option<AccountId>, limit: u32) -> Stored<'_, Vec<AccountSummary>> {
        Box::pin(async move {
            let records = sqlx::query_as!(
                SummaryRecord,
                r#"SELECT account_id AS "account_id: [u8; 16]", handle_sealed, state, created_at
                   FROM accounts WHERE $1::bytea IS NULL OR account_id > $1
                   ORDER BY account_id LIMIT $2"#,
                after.as_ref().map(|id| &id.as_bytes()[..]),
                i64::from(limit),
            )
            .fetch_all(self.pool())
            .await?;
            records.into_iter().map(AccountSummary::try_from).collect()
        })
    }

    fn set_account_state<'a>(
        &'a self,
        account_id: AccountId,
        state: AccountState,
        entry: &'a NewAuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(infallible(self.run_tx("set_account_state", move |tx| {
            Box::pin(async move {
                let updated = sqlx::query!(
                    "UPDATE accounts SET state = $2 WHERE account_id = $1",
                    &account_id.as_bytes()[..],
                    state.as_str(),
                )
                .execute(tx.connection())
                .await?;
                if updated.rows_affected() == 0 {
                    return Ok(false);
                }
                audit::insert(tx.connection(), entry).await?;
                Ok(true)
            })
        })))
    }

    fn delete_account<'a>(
        &'a self,
        account_id: AccountId,
        estate: AccountId,
        entry: &'a NewAuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(infallible(self.run_tx("delete_account", move |tx| {
            Box::pin(async move {
                take(tx.connection(), account_id).await?;
                estate::hand_over(tx.connection(), account_id, estate).await?;
                let deleted = sqlx::query!(
                    "DELETE FROM accounts WHERE account_id = $1",
                    &account_id.as_bytes()[..]
                )
                .execute(tx.connection())
                .await?;
                if deleted.rows_affected() == 0 {
                    return Ok(false);
                }
                audit::insert(tx.connection(), entry).await?;
                Ok(true)
            })
        })))
    }
}

/// Holds an account until the transaction ends: of two transactions that hold one, the later begins anew and sees what the
/// earlier did. A lock alone would not show it that. `false` if there is no such account.
pub(super) async fn hold(connection: &mut PgConnection, account_id: AccountId) -> Result<bool, sqlx::Error> {
    let held = sqlx::query!(
        "UPDATE accounts SET state = state WHERE account_id = $1",
        &account_id.as_bytes()[..],
    )
    .execute(connection)
    .await?;
    Ok(held.rows_affected() == 1)
}

/// Whether the account is there, and will be until the transaction ends.
pub(super) async fn stays(connection: &mut PgConnection, account_id: AccountId) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM accounts WHERE account_id = $1 FOR KEY SHARE"#,
        &account_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await?;
    Ok(locked.is_some())
}

/// Takes an account for a transaction that deletes it, which has done nothing yet: waits for those that made something in its name
/// ([`stays`]), and has what comes after see what they made. One snapshot for all would be of before the wait.
async fn take(connection: &mut PgConnection, account_id: AccountId) -> Result<(), sqlx::Error> {
    sqlx::query!("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        r#"SELECT 1 AS "one!" FROM accounts WHERE account_id = $1 FOR UPDATE"#,
        &account_id.as_bytes()[..],
    )
    .fetch_optional(connection)
    .await?;
    Ok(())
}

async fn register(tx: &mut Transaction<'_>, account: &NewAccount) -> Registration<()> {
    if let Some(token_hash) = account.token_hash
        && !tokens::use_token(tx.connection(), token_hash, account.created_at).await?
    {
        return Err(StoreError::Refused(RegistrationRefusal::TokenInvalid));
    }
    insert(tx, account).await?;
    if !principals::insert(tx.connection(), &account.principal).await? {
        return Err(StoreError::Refused(RegistrationRefusal::KeyTaken));
    }
    keystores::insert(tx.connection(), &first_keystore(account)).await?;
    sessions::insert(tx.connection(), &account.session).await?;
    Ok(audit::insert(tx.connection(), &account.audit).await?)
}

async fn insert(tx: &mut Transaction<'_>, account: &NewAccount) -> Registration<()> {
    let inserted = sqlx::query!(
        "INSERT INTO accounts
             (account_id, handle_index, handle_sealed, credential_version, record_sealed, recovery_key_index,
              recovery_key_sealed, principal_id, keystore_version, state, created_at)
         VALUES ($1, $2, $3, 1, $4, $5, $6, $7, 1, 'active', $8)",
        &account.account_id.as_bytes()[..],
        &account.handle_index.as_bytes()[..],
        account.handle_sealed,
        account.record_sealed,
        &account.recovery_key.index.as_bytes()[..],
        account.recovery_key.sealed,
        &account.principal.principal_id.as_bytes()[..],
        account.created_at,
    )
    .execute(tx.connection())
    .await
    .map_err(refusal)?;
    Ok(expect_rows("insert into accounts", 1, &inserted)?)
}

fn refusal(error: sqlx::Error) -> StoreError<RegistrationRefusal> {
    match violated_constraint(&error) {
        Some("accounts_handle_index_key") => StoreError::Refused(RegistrationRefusal::HandleTaken),
        Some("accounts_recovery_key_index_key") => StoreError::Refused(RegistrationRefusal::KeyTaken),
        _ => error.into(),
    }
}

fn first_keystore(account: &NewAccount) -> NewKeystoreVersion {
    NewKeystoreVersion {
        account_id: account.account_id,
        base_version: 0,
        sealed: account.keystore_sealed.clone(),
        created_at: account.created_at,
    }
}

struct AccountRecord {
    account_id: [u8; 16],
    handle_sealed: Vec<u8>,
    credential_version: i64,
    record_sealed: Vec<u8>,
    recovery_key_sealed: Vec<u8>,
    principal_id: [u8; 32],
    keystore_version: i64,
    state: String,
}

impl TryFrom<AccountRecord> for AccountRow {
    type Error = StoreFailure;

    fn try_from(record: AccountRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            account_id: AccountId::new(record.account_id),
            handle_sealed: record.handle_sealed,
            credential_version: from_bigint("accounts.credential_version", record.credential_version)?,
            record_sealed: record.record_sealed,
            recovery_key_sealed: record.recovery_key_sealed,
            principal_id: PrincipalId::new(record.principal_id),
            keystore_version: from_bigint("accounts.keystore_version", record.keystore_version)?,
            state: state(&record.state)?,
        })
    }
}

struct SummaryRecord {
    account_id: [u8; 16],
    handle_sealed: Vec<u8>,
    state: String,
    created_at: OffsetDateTime,
}

impl TryFrom<SummaryRecord> for AccountSummary {
    type Error = StoreFailure;

    fn try_from(record: SummaryRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            account_id: AccountId::new(record.account_id),
            handle_sealed: record.handle_sealed,
            state: state(&record.state)?,
            created_at: record.created_at,
        })
    }
}

fn state(word: &str) -> Result<AccountState, StoreFailure> {
    AccountState::from_word(word).ok_or(StoreFailure::Malformed("accounts.state"))
}
