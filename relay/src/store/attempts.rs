use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Store, error::expect_rows, infallible};
use crate::directory::{
    ids::AttemptId,
    ports::{AttemptPurpose, AttemptStore, NewAttempt, Stored, SweptRows},
};

impl AttemptStore for Store {
    fn insert_attempt<'a>(&'a self, attempt: &'a NewAttempt) -> Stored<'a, ()> {
        Box::pin(async move {
            let inserted = sqlx::query!(
                "INSERT INTO auth_attempts (attempt_id, purpose, state_sealed, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5)",
                &attempt.attempt_id.as_bytes()[..],
                attempt.purpose.as_str(),
                attempt.state_sealed,
                attempt.created_at,
                attempt.expires_at,
            )
            .execute(self.pool())
            .await?;
            expect_rows("insert into auth_attempts", 1, &inserted)
        })
    }

    fn take_attempt(
        &self,
        attempt_id: AttemptId,
        purpose: AttemptPurpose,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let taken = sqlx::query!(
                "DELETE FROM auth_attempts WHERE attempt_id = $1 AND purpose = $2
                 RETURNING state_sealed, expires_at",
                &attempt_id.as_bytes()[..],
                purpose.as_str(),
            )
            .fetch_optional(self.pool())
            .await?;
            Ok(taken
                .filter(|row| row.expires_at > now)
                .map(|row| row.state_sealed))
        })
    }

    fn sweep(&self, now: OffsetDateTime, limit: u32) -> Stored<'_, SweptRows> {
        Box::pin(infallible(self.run_tx("sweep", move |tx| {
            Box::pin(async move { Ok(sweep(tx.connection(), now, limit.into()).await?) })
        })))
    }
}

/// Rows that somebody else is at are left for the next time, so that a sweep neither waits nor loses a race.
async fn sweep(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<SweptRows, sqlx::Error> {
    // Each statement is a literal, so that it is checked against the schema when this is compiled.
    macro_rules! expired {
        ($table:tt) => {
            sqlx::query!(
                "DELETE FROM "
                    + $table
                    + " WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM "
                    + $table
                    + " WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
                now,
                limit,
            )
            .execute(&mut *connection)
            .await?
            .rows_affected()
        };
    }
    Ok(SweptRows {
        attempts: expired!("auth_attempts"),
        sessions: expired!("sessions"),
        staged_changes: expired!("staged_changes"),
        pairing_codes: expired!("pairing_codes"),
        device_requests: expired!("device_requests"),
    })
}
