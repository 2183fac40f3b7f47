//! The lock of a space: a transaction that keeps all other appends to it out.

use std::time::Duration;

use futures_util::FutureExt;
use sqlx::PgConnection;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::{
    Store,
    error::expect_rows,
    event_batch::{EventBatch, is_place_taken},
    link::{Lent, answered, silent},
    shreds::end_space,
    transaction::{begin, commit},
    wraps::{insert_carried, name_wraps},
};
use crate::log::ports::{Append, Appended, ControlEffects, LockedSpace, SpaceNumber, Stored};
use crate::store_failure::StoreFailure;

struct Locked {
    connection: Lent,
    answer_within: Duration,
    /// Keeps the connections that wait for locks from using up the pool that those who hold one need.
    _permit: OwnedSemaphorePermit,
}

/// Waits for the lock of `space`. Reads inside the transaction see what is committed when they run.
pub(super) async fn lock(store: &Store, space: SpaceNumber) -> Result<Box<dyn LockedSpace>, StoreFailure> {
    let permit = store.lock_permit().await;
    let mut connection = begin(store, "BEGIN").await?;
    let locking = sqlx::query!(r#"SELECT pg_advisory_xact_lock($1) AS "done!: ()""#, space.0);
    answered(store.answer_within, locking.execute(&mut *connection)).await?;
    Ok(Box::new(Locked {
        connection,
        answer_within: store.answer_within,
        _permit: permit,
    }))
}

impl LockedSpace for Locked {
    fn append<'a>(self: Box<Self>, append: &'a Append, effects: &'a ControlEffects) -> Stored<'a, Appended> {
        append_and_commit(self, append, effects).boxed()
    }
}

async fn append_and_commit(
    mut locked: Box<Locked>,
    append: &Append,
    effects: &ControlEffects,
) -> Result<Appended, StoreFailure> {
    let appending = append_locked(&mut locked.connection, append, effects);
    let appended = timeout(locked.answer_within, appending).await;
    let appended = appended.unwrap_or_else(|_elapsed| Err(silent().into()))?;
    if appended == Appended::Committed {
        commit(locked.connection, locked.answer_within).await?;
    }
    Ok(appended)
}

/// What the append will be, once it is committed.
async fn append_locked(
    connection: &mut PgConnection,
    append: &Append,
    effects: &ControlEffects,
) -> Result<Appended, StoreFailure> {
    let batch = EventBatch::new(std::slice::from_ref(append))?;
    match batch.insert_locked(connection).await {
        Ok(true) => {}
        Ok(false) => return Ok(Appended::Lost),
        Err(error) if is_place_taken(&error) => return Ok(Appended::Lost),
        Err(error) => return Err(error.into()),
    }
    for named in &effects.named_wraps {
        if !name_wraps(connection, append.space, named).await? {
            return Ok(Appended::Lost);
        }
    }
    apply(connection, append, effects).await?;
    Ok(Appended::Committed)
}

async fn apply(
    connection: &mut PgConnection,
    append: &Append,
    effects: &ControlEffects,
) -> Result<(), StoreFailure> {
    let space = append.space;
    for principal in &effects.joined {
        insert_member(connection, space, principal.as_bytes()).await?;
    }
    for principal in &effects.left {
        delete_member(connection, space, principal.as_bytes()).await?;
    }
    for carried in &effects.carried_wraps {
        insert_carried(connection, append, carried).await?;
    }
    if let Some(seconds) = effects.retention_seconds {
        set_retention(connection, space, seconds).await?;
    }
    if let Some(record) = &effects.tombstone {
        end_space(connection, space, record, append.stored_at).await?;
    }
    Ok(())
}

/// The index may know the member already: it is derived, and a log that was healed is folded again.
pub(super) async fn insert_member(
    connection: &mut PgConnection,
    space: SpaceNumber,
    principal: &[u8],
) -> Result<(), StoreFailure> {
    sqlx::query!(
        "INSERT INTO members (space_no, principal_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        space.0,
        principal,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn delete_member(
    connection: &mut PgConnection,
    space: SpaceNumber,
    principal: &[u8],
) -> Result<(), StoreFailure> {
    sqlx::query!(
        "DELETE FROM members WHERE space_no = $1 AND principal_id = $2",
        space.0,
        principal
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn set_retention(
    connection: &mut PgConnection,
    space: SpaceNumber,
    seconds: u64,
) -> Result<(), StoreFailure> {
    let updated = sqlx::query!(
        "UPDATE spaces SET retention_seconds = $2 WHERE space_no = $1",
        space.0,
        i64::try_from(seconds).unwrap_or(i64::MAX),
    )
    .execute(connection)
    .await?;
    expect_rows("the retention of a space", 1, &updated)?;
    Ok(())
}
