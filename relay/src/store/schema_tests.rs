//! The schema as `sealpost-migrations` leaves it, and how it is brought there. (That crate may not depend on
//! this one, which has the test databases.)

use crate::testing::TestDatabase;
use std::time::Duration;

use sealpost_migrations::{Error, LOCK_KEY, latest_version, run, run_within, status, verify};

#[tokio::test]
async fn every_table_and_column_has_a_comment() {
    let database = TestDatabase::migrated().await;
    let bare = "SELECT format('%s.%s', c.relname, a.attname) FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
            AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL SELECT c.relname FROM pg_class c
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
            AND obj_description(c.oid, 'pg_class') IS NULL";
    assert_eq!(database.texts(bare).await, Vec::<String>::new());
    let all =
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    assert!(database.texts(all).await.contains(&"accounts".to_owned()));
}

#[tokio::test]
async fn every_time_has_a_time_zone() {
    let database = TestDatabase::migrated().await;
    let without = "SELECT format('%s.%s', table_name, column_name) FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type IN ('timestamp without time zone', 'date', 'time without time zone')";
    assert_eq!(database.texts(without).await, Vec::<String>::new());
}

#[tokio::test]
async fn running_twice_runs_each_migration_once() {
    let database = TestDatabase::empty().await;
    let before = status(database.url()).await.unwrap();
    assert_eq!((before.applied.len(), before.database_version()), (0, 0));
    assert!(matches!(
        verify(database.url()).await,
        Err(Error::Pending { database: 0, .. })
    ));
    assert_eq!(run(database.url()).await.unwrap(), before.pending);
    assert!(verify(database.url()).await.is_ok());
    assert_eq!(run(database.url()).await.unwrap(), Vec::<String>::new());
    let after = status(database.url()).await.unwrap();
    assert_eq!(
        (after.database_version(), after.pending.len()),
        (latest_version(), 0)
    );
}

#[tokio::test]
async fn processes_that_start_together_take_turns() {
    let database = TestDatabase::empty().await;
    let (first, second, third) = tokio::join!(run(database.url()), run(database.url()), run(database.url()));
    let ran: Vec<_> = [first, second, third].map(|result| result.unwrap().len()).into();
    let expected = status(database.url()).await.unwrap().applied.len();
    assert_eq!(ran.iter().sum::<usize>(), expected);
    assert_eq!(ran.iter().filter(|count| **count == 0).count(), 2);
}

#[tokio::test]
async fn who_waits_too_long_for_its_turn_is_told_so_and_changes_nothing() {
    let database = TestDatabase::empty().await;
    let other = database.store().await;
    let mut held = other.pool.acquire().await.unwrap();
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK_KEY)
        .execute(&mut *held)
        .await
        .unwrap();
    let result = run_within(database.url(), Duration::from_millis(50)).await;
    assert!(matches!(result, Err(Error::Locked)));
    drop(held.close().await);
    assert!(status(database.url()).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let database = TestDatabase::migrated().await;
    let future = "INSERT INTO refinery_schema_history VALUES (9999, 'future', '2030-01-01T00:00:00Z', '1')";
    database.execute(future).await;
    for result in [run(database.url()).await.map(drop), verify(database.url()).await] {
        assert!(matches!(result, Err(Error::Newer { database: 9999, known }) if known == latest_version()));
    }
}

#[tokio::test]
async fn an_edited_migration_is_refused_by_name() {
    let database = TestDatabase::migrated().await;
    let edit = "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 1";
    database.execute(edit).await;
    for result in [run(database.url()).await.map(drop), verify(database.url()).await] {
        assert!(matches!(result, Err(Error::Divergent(name)) if name == "V1__relay_state"));
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_apart() {
    let result = status("postgres:///none?host=/nonexistent&user=nobody").await;
    assert!(matches!(result, Err(Error::Connect(_))));
}
