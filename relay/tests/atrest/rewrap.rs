//! Wrapping data keys again after the wrapping key was rotated.

use std::time::Duration;

use sealpost_relay::atrest::{
    DataKeyError, DataKeyLimits, KeyScope, KeyWrapError, RewrapProgress, WrappedDataKey, rewrap,
};
use tokio::time::advance;

use crate::support::Fixture;

/// More than one page of keys.
const KEYS: i64 = 400;

async fn fixture_with_outdated_keys() -> Fixture {
    let fixture = Fixture::new(DataKeyLimits::default());
    for number in 0..KEYS {
        fixture.keys.create(KeyScope::Space(number)).await.unwrap();
    }
    fixture
        .wrapper
        .declare_outdated(fixture.store.rows().into_iter().map(|row| row.wrapped));
    fixture
}

async fn run(fixture: &Fixture) -> Result<RewrapProgress, DataKeyError> {
    rewrap(&*fixture.wrapper, &*fixture.store, |_| ()).await
}

#[tokio::test]
async fn every_outdated_key_is_wrapped_again_and_stays_the_same_key() {
    let fixture = fixture_with_outdated_keys().await;
    let before = fixture.store.rows();
    let progress = run(&fixture).await.unwrap();
    assert_eq!(
        (progress.total, progress.rewrapped, progress.current),
        (400, 400, 0)
    );
    let pairs = before.iter().zip(fixture.store.rows());
    assert!(
        pairs
            .into_iter()
            .all(|(old, new)| old.id == new.id && old.wrapped != new.wrapped)
    );
    let relay = fixture.another_relay();
    for number in 0..KEYS {
        let (old, new) = (
            fixture.keys.open(KeyScope::Space(number)),
            relay.open(KeyScope::Space(number)),
        );
        assert_eq!(
            old.await.unwrap().expose_bytes(),
            new.await.unwrap().expose_bytes()
        );
    }
}

#[tokio::test]
async fn a_second_run_finds_nothing_to_do() {
    let fixture = fixture_with_outdated_keys().await;
    run(&fixture).await.unwrap();
    let after_first = fixture.store.rows();
    let progress = run(&fixture).await.unwrap();
    assert_eq!((progress.rewrapped, progress.current), (0, 400));
    assert_eq!(fixture.store.rows(), after_first);
}

#[tokio::test]
async fn progress_is_told_page_by_page() {
    let fixture = fixture_with_outdated_keys().await;
    let mut seen = Vec::new();
    rewrap(&*fixture.wrapper, &*fixture.store, |progress| {
        seen.push(progress.rewrapped)
    })
    .await
    .unwrap();
    assert_eq!(seen, [150, 300, 400]);
}

#[tokio::test]
async fn a_run_that_was_cut_short_is_finished_by_the_next() {
    let fixture = fixture_with_outdated_keys().await;
    let cut = rewrap(&*fixture.wrapper, &*fixture.store, |_| {
        fixture
            .wrapper
            .break_with(KeyWrapError::Unavailable("sealed".into()));
    });
    assert!(cut.await.unwrap_err().is_outage());
    fixture.wrapper.repair();
    let progress = run(&fixture).await.unwrap();
    assert_eq!((progress.rewrapped, progress.current), (250, 150));
}

#[tokio::test]
async fn a_key_that_does_not_open_is_named_and_left_alone() {
    let fixture = fixture_with_outdated_keys().await;
    let stolen = fixture.store.row_of(KeyScope::Space(1)).wrapped;
    let bad = WrappedDataKey {
        wrapped: stolen,
        ..fixture.store.row_of(KeyScope::Space(0))
    };
    fixture.store.plant(bad.clone());
    let progress = run(&fixture).await.unwrap();
    assert_eq!((progress.rewrapped, progress.corrupt), (399, vec![bad.id]));
    assert_eq!(fixture.store.row_of(KeyScope::Space(0)), bad);
}

#[tokio::test]
async fn two_runs_at_once_do_the_work_once() {
    let fixture = fixture_with_outdated_keys().await;
    let (first, second) = tokio::join!(run(&fixture), run(&fixture));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.rewrapped + second.rewrapped, 400);
    assert!(fixture.another_relay().open(KeyScope::Space(0)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_serving_relay_goes_on_through_a_rewrap() {
    let fixture = fixture_with_outdated_keys().await;
    run(&fixture).await.unwrap();
    assert!(fixture.keys.open(KeyScope::Space(0)).await.is_ok());
    advance(DataKeyLimits::default().max_age + Duration::from_secs(1)).await;
    assert!(fixture.keys.open(KeyScope::Space(0)).await.is_ok());
}
