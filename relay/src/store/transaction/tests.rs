use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::sync::Barrier;

use super::*;
use crate::{store::StoreOptions, testing::TestDatabase};

#[derive(Default)]
struct Heard(Mutex<Vec<(&'static str, Outcome, u32)>>);

impl ObserveTransactions for Heard {
    fn transaction_ended(&self, name: &'static str, outcome: Outcome, attempts: u32, _: Duration) {
        self.0.lock().unwrap().push((name, outcome, attempts));
    }
}

async fn count_table(store: &Store) {
    sqlx::raw_sql("CREATE TABLE counts (name text PRIMARY KEY, value bigint NOT NULL); INSERT INTO counts VALUES ('a', 0), ('b', 0)")
        .execute(store.pool())
        .await
        .unwrap();
}

async fn value(store: &Store, name: &str) -> i64 {
    let query = "SELECT value FROM counts WHERE name = $1";
    sqlx::query_scalar(query)
        .bind(name)
        .fetch_one(store.pool())
        .await
        .unwrap()
}

async fn add(tx: &mut Transaction<'_>, name: &str) -> Result<(), sqlx::Error> {
    let query = "UPDATE counts SET value = value + 1 WHERE name = $1";
    sqlx::query(query).bind(name).execute(tx.connection()).await?;
    Ok(())
}

#[tokio::test]
async fn refused_work_leaves_nothing_behind() {
    let store = TestDatabase::empty().await.store().await;
    count_table(&store).await;
    let result: Result<(), _> = store
        .run_tx("refuse", |tx| {
            Box::pin(async move {
                add(tx, "a").await?;
                Err(StoreError::Refused("no"))
            })
        })
        .await;
    assert!(matches!(result, Err(StoreError::Refused("no"))));
    assert_eq!(value(&store, "a").await, 0);
}

#[tokio::test]
async fn lost_races_are_run_again_and_observed() {
    let database = TestDatabase::empty().await;
    let heard = Arc::new(Heard::default());
    let options = StoreOptions {
        database_url: database.url().to_owned(),
        max_connections: 4,
        acquire_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(20),
    };
    let store = Store::connect(&options, heard.clone()).await.unwrap();
    count_table(&store).await;
    let both_have_read = &Barrier::new(2);
    let attempts = &AtomicU32::new(0);
    let read_then_add = || {
        store.run_tx("read_then_add", |tx| {
            Box::pin(async move {
                sqlx::query("SELECT value FROM counts")
                    .fetch_all(tx.connection())
                    .await?;
                // The two first attempts meet here, so that one of them loses; the third goes alone.
                if attempts.fetch_add(1, Ordering::SeqCst) < 2 {
                    both_have_read.wait().await;
                }
                Ok::<_, StoreError<Infallible>>(add(tx, "a").await?)
            })
        })
    };
    let (first, second) = tokio::join!(read_then_add(), read_then_add());
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(value(&store, "a").await, 2);
    let mut heard = heard.0.lock().unwrap().clone();
    heard.sort_by_key(|(_, _, attempts)| *attempts);
    let committed = |attempts| ("read_then_add", Outcome::Committed, attempts);
    assert_eq!(heard, [committed(1), committed(2)]);
}

#[tokio::test]
async fn deadlocks_are_run_again() {
    let store = TestDatabase::empty().await.store().await;
    count_table(&store).await;
    let both_hold_one = &Barrier::new(2);
    let attempts = &AtomicU32::new(0);
    let add_both = |names: [&'static str; 2]| {
        store.run_tx("add_both", move |tx| {
            Box::pin(async move {
                add(tx, names[0]).await?;
                if attempts.fetch_add(1, Ordering::SeqCst) < 2 {
                    both_hold_one.wait().await;
                }
                Ok::<_, StoreError<Infallible>>(add(tx, names[1]).await?)
            })
        })
    };
    let (first, second) = tokio::join!(add_both(["a", "b"]), add_both(["b", "a"]));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!((value(&store, "a").await, value(&store, "b").await), (2, 2));
}

#[tokio::test]
async fn endless_races_end_as_a_conflict() {
    let store = TestDatabase::empty().await.store().await;
    let result: Result<(), StoreError<Infallible>> = store
        .run_tx("lose", |tx| {
            Box::pin(async move {
                let raise = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$";
                sqlx::query(raise).execute(tx.connection()).await?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(
        result,
        Err(StoreError::Failed(StoreFailure::Conflict(_)))
    ));
}

#[tokio::test]
async fn a_connection_cut_in_the_work_is_unavailable() {
    let store = TestDatabase::empty().await.store().await;
    let result: Result<(), StoreError<Infallible>> = store
        .run_tx("cut", |tx| {
            Box::pin(async move {
                sqlx::query("SELECT pg_terminate_backend(pg_backend_pid())")
                    .execute(tx.connection())
                    .await?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(
        result,
        Err(StoreError::Failed(StoreFailure::Unavailable(_)))
    ));
}

#[tokio::test]
async fn a_connection_cut_before_the_commit_leaves_the_outcome_unknown() {
    let store = TestDatabase::empty().await.store().await;
    let (store_again, result) = (&store, ());
    let result: Result<(), StoreError<Infallible>> = store
        .run_tx("cut", |tx| {
            Box::pin(async move {
                let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
                    .fetch_one(tx.connection())
                    .await?;
                let cut = "SELECT pg_terminate_backend($1, 10000)";
                sqlx::query(cut).bind(pid).execute(store_again.pool()).await?;
                Ok(result)
            })
        })
        .await;
    assert!(matches!(
        result,
        Err(StoreError::Failed(StoreFailure::CommitUnknown(_)))
    ));
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    let options = StoreOptions {
        database_url: "postgres:///none?host=/nonexistent".into(),
        max_connections: 1,
        acquire_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_secs(1),
    };
    let result = Store::connect(&options, Arc::new(IgnoreTransactions)).await;
    assert!(matches!(result, Err(StoreFailure::Unavailable(_))));
}
