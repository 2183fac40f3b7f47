use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Store,
    columns::{from_integer, to_integer},
    error::expect_rows,
};
use crate::{
    atrest::BlindIndexValue,
    directory::{
        ids::TokenId,
        ports::{NewToken, Stored, TokenRow, TokenStore},
    },
    store_failure::StoreFailure,
};

impl TokenStore for Store {
    fn insert_token<'a>(&'a self, token: &'a NewToken) -> Stored<'a, ()> {
        Box::pin(async move {
            let inserted = sqlx::query!(
                "INSERT INTO registration_tokens
                     (token_id, token_hash, uses_total, uses_left, note_sealed, created_at, expires_at)
                 VALUES ($1, $2, $3, $3, $4, $5, $6)",
                &token.token_id.as_bytes()[..],
                &token.token_hash.as_bytes()[..],
                to_integer("registration_tokens.uses_total", token.uses)?,
                token.note_sealed.as_deref(),
                token.created_at,
                token.expires_at,
            )
            .execute(self.pool())
            .await?;
            expect_rows("insert into registration_tokens", 1, &inserted)
        })
    }

    fn is_token_usable(&self, token_hash: BlindIndexValue, now: OffsetDateTime) -> Stored<'_, bool> {
        Box::pin(async move {
            Ok(sqlx::query_scalar!(
                r#"SELECT EXISTS (
                       SELECT FROM registration_tokens
                       WHERE token_hash = $1 AND uses_left > 0 AND revoked_at IS NULL
                           AND (expires_at IS NULL OR expires_at > $2)
                   ) AS "usable!""#,
                &token_hash.as_bytes()[..],
                now,
            )
            .fetch_one(self.pool())
            .await?)
        })
    }

    fn tokens(&self) -> Stored<'_, Vec<TokenRow>> {
        Box::pin(async move {
            let records = sqlx::query_as!(
                TokenRecord,
                r#"SELECT token_id AS "token_id: [u8; 16]", uses_total, uses_left, note_sealed, created_at,
                       expires_at, revoked_at
                   FROM registration_tokens ORDER BY created_at, token_id"#
            )
            .fetch_all(self.pool())
            .await?;
            records.into_iter().map(TokenRow::try_from).collect()
        })
    }

    fn revoke_token(&self, token_id: TokenId, now: OffsetDateTime) -> Stored<'_, bool> {
        Box::pin(async move {
            let updated = sqlx::query!(
                "UPDATE registration_tokens SET revoked_at = $2 WHERE token_id = $1 AND revoked_at IS NULL",
                &token_id.as_bytes()[..],
                now,
            )
            .execute(self.pool())
            .await?;
            Ok(updated.rows_affected() == 1)
        })
    }
}

/// Uses up one use of a token; `false` if it has none left, was revoked or is past its time.
pub(super) async fn use_token(
    connection: &mut PgConnection,
    token_hash: BlindIndexValue,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query!(
        "UPDATE registration_tokens SET uses_left = uses_left - 1
         WHERE token_hash = $1 AND uses_left > 0 AND revoked_at IS NULL
             AND (expires_at IS NULL OR expires_at > $2)",
        &token_hash.as_bytes()[..],
        now,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() == 1)
}

struct TokenRecord {
    token_id: [u8; 16],
    uses_total: i32,
    uses_left: i32,
    note_sealed: Option<Vec<u8>>,
    created_at: OffsetDateTime,
    expires_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
}

impl TryFrom<TokenRecord> for TokenRow {
    type Error = StoreFailure;

    fn try_from(record: TokenRecord) -> Result<Self, StoreFailure> {
        Ok(Self {
            token_id: TokenId::new(record.token_id),
            uses_total: from_integer("registration_tokens.uses_total", record.uses_total)?,
            uses_left: from_integer("registration_tokens.uses_left", record.uses_left)?,
            note_sealed: record.note_sealed,
            created_at: record.created_at,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
        })
    }
}
