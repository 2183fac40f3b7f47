//! Opening, caching and losing data keys.

use std::{borrow::Cow, num::NonZeroUsize, sync::Arc, time::Duration};

use futures_util::future::join_all;
use sealpost_relay::atrest::{
    DataKeyError, DataKeyLimits, KeyScope, KeyServiceState, KeyWrapError, OpenDataKey, WrappedDataKey,
};

use tokio::time::advance;

use crate::support::Fixture;

const SPACE: KeyScope = KeyScope::Space(7);
const LIMITS: DataKeyLimits = DataKeyLimits {
    cached_keys: NonZeroUsize::new(100).unwrap(),
    max_age: Duration::from_secs(3_600),
    degraded_window: Duration::from_secs(900),
};
const SEALED: KeyWrapError = KeyWrapError::Unavailable(Cow::Borrowed("sealed"));

fn fixture() -> Fixture {
    Fixture::new(LIMITS)
}

async fn fixture_with_key() -> (Fixture, Arc<OpenDataKey>) {
    let fixture = fixture();
    let key = fixture.keys.create(SPACE).await.unwrap();
    (fixture, key)
}

fn is_outage<T>(result: Result<T, DataKeyError>) -> bool {
    result.err().is_some_and(|error| error.is_outage())
}

#[tokio::test(start_paused = true)]
async fn a_created_key_opens_to_the_same_key_in_another_relay() {
    let (fixture, key) = fixture_with_key().await;
    let opened = fixture.another_relay().open(SPACE).await.unwrap();
    assert_eq!(opened.id(), key.id());
    assert_eq!(opened.expose_bytes(), key.expose_bytes());
}

#[tokio::test(start_paused = true)]
async fn keys_of_different_scopes_differ() {
    let (fixture, key) = fixture_with_key().await;
    let other = fixture.keys.create(KeyScope::Space(8)).await.unwrap();
    assert_ne!(key.expose_bytes(), other.expose_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_scope_without_a_key_is_missing_until_it_is_created() {
    let fixture = fixture();
    assert!(matches!(
        fixture.keys.open(SPACE).await,
        Err(DataKeyError::Missing)
    ));
    let created = fixture.keys.open_or_create(SPACE).await.unwrap();
    let opened = fixture.keys.open_or_create(SPACE).await.unwrap();
    assert_eq!(created.id(), opened.id());
}

#[tokio::test(start_paused = true)]
async fn relays_that_create_the_same_key_at_once_agree_on_one() {
    let fixture = fixture();
    let relays: Vec<_> = (0..8).map(|_| fixture.another_relay()).collect();
    let created = join_all(
        relays
            .iter()
            .map(|relay| relay.open_or_create(KeyScope::Directory)),
    )
    .await;
    let ids: std::collections::BTreeSet<_> = created.into_iter().map(|key| key.unwrap().id()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(fixture.store.rows().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_stored_key_is_wrapped() {
    let (fixture, key) = fixture_with_key().await;
    let stored = fixture.store.row_of(SPACE);
    let windows = stored.wrapped.as_bytes().windows(8);
    assert!(
        windows
            .into_iter()
            .all(|window| window != &key.expose_bytes()[..8])
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_in_memory_is_served_without_asking() {
    let (fixture, _) = fixture_with_key().await;
    for _ in 0..100 {
        fixture.keys.open(SPACE).await.unwrap();
    }
    assert_eq!(fixture.wrapper.unwraps(), 0);
    assert_eq!(fixture.keys.statistics().hits, 100);
}

#[tokio::test(start_paused = true)]
async fn many_callers_open_a_key_once() {
    let (fixture, _) = fixture_with_key().await;
    let relay = fixture.another_relay();
    let held = fixture.wrapper.hold_unwraps().await;
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let relay = relay.clone();
            tokio::spawn(async move { relay.open(SPACE).await.map(|key| key.id()) })
        })
        .collect();
    while relay.statistics().misses + relay.statistics().joined < 50 {
        tokio::task::yield_now().await;
    }
    drop(held);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(fixture.wrapper.unwraps(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_stop_the_others() {
    let (fixture, _) = fixture_with_key().await;
    let relay = fixture.another_relay();
    let held = fixture.wrapper.hold_unwraps().await;
    let first = tokio::spawn({
        let relay = relay.clone();
        async move { relay.open(SPACE).await.map(drop) }
    });
    while relay.statistics().misses < 1 {
        tokio::task::yield_now().await;
    }
    first.abort();
    let second = relay.open(SPACE);
    drop(held);
    assert!(second.await.is_ok());
    assert_eq!(fixture.wrapper.unwraps(), 1);
}

#[tokio::test(start_paused = true)]
async fn callers_with_a_key_each_share_requests() {
    let fixture = fixture();
    for number in 0..500 {
        fixture.keys.create(KeyScope::Space(number)).await.unwrap();
    }
    let relay = fixture.another_relay();
    let held = fixture.wrapper.hold_unwraps().await;
    let callers: Vec<_> = (0..500)
        .map(|number| {
            let relay = relay.clone();
            tokio::spawn(async move { relay.open(KeyScope::Space(number)).await.map(drop) })
        })
        .collect();
    while relay.statistics().misses < 500 {
        tokio::task::yield_now().await;
    }
    drop(held);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert!(fixture.wrapper.unwraps() <= 5, "{}", fixture.wrapper.unwraps());
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_opened_together_do_not_expire_together() {
    let fixture = Fixture::new(DataKeyLimits {
        cached_keys: NonZeroUsize::new(1_000).unwrap(),
        ..LIMITS
    });
    for number in 0..400 {
        fixture.keys.create(KeyScope::Space(number)).await.unwrap();
    }
    let mut held = Vec::new();
    for part in [74, 6, 6, 6, 8] {
        advance(LIMITS.max_age * part / 100).await;
        fixture.keys.check().await;
        held.push(fixture.keys.statistics().held);
    }
    assert!(held.windows(2).all(|pair| pair[0] > pair[1] + 30), "{held:?}");
    assert_eq!((held[0], held[4]), (400, 0));
}

#[tokio::test(start_paused = true)]
async fn a_misconfigured_key_service_is_an_outage_and_shows() {
    let (fixture, key) = fixture_with_key().await;
    fixture
        .wrapper
        .break_with(KeyWrapError::Internal("no such key".into()));
    assert_eq!(fixture.keys.check().await.state, KeyServiceState::Degraded);
    assert_eq!(fixture.keys.open(SPACE).await.unwrap().id(), key.id());
    assert!(is_outage(fixture.another_relay().open(SPACE).await));
}

#[tokio::test(start_paused = true)]
async fn a_cold_relay_opens_ten_thousand_keys_in_one_call() {
    let fixture = fixture();
    let scopes: Vec<_> = (0..10_000).map(KeyScope::Space).collect();
    for &scope in &scopes {
        fixture.keys.create(scope).await.unwrap();
    }
    let opened = fixture.another_relay().open_many(&scopes).await;
    assert_eq!(opened.len(), scopes.len());
    assert!(opened.values().all(Result::is_ok));
    assert_eq!(fixture.wrapper.unwraps(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_bad_key_does_not_hide_the_others() {
    let (fixture, _) = fixture_with_key().await;
    let good = fixture.keys.create(KeyScope::Space(8)).await.unwrap();
    fixture.store.plant(WrappedDataKey {
        scope: SPACE,
        ..fixture.store.row_of(KeyScope::Space(8))
    });
    fixture.keys.create(KeyScope::Space(8)).await.unwrap();
    let relay = fixture.another_relay();
    let opened = relay
        .open_many(&[SPACE, KeyScope::Space(8), KeyScope::Space(9)])
        .await;
    assert!(matches!(
        opened[&SPACE],
        Err(DataKeyError::KeyService(KeyWrapError::Corrupt(_)))
    ));
    assert!(matches!(opened[&KeyScope::Space(9)], Err(DataKeyError::Missing)));
    let other = opened[&KeyScope::Space(8)].as_ref().unwrap();
    assert_ne!(other.id(), good.id());
}

#[tokio::test(start_paused = true)]
async fn a_key_planted_for_another_space_is_refused() {
    let (fixture, _) = fixture_with_key().await;
    let stolen = WrappedDataKey {
        scope: KeyScope::Space(8),
        ..fixture.store.row_of(SPACE)
    };
    fixture.store.plant(stolen);
    let opened = fixture.another_relay().open(KeyScope::Space(8)).await;
    assert!(matches!(
        opened,
        Err(DataKeyError::KeyService(KeyWrapError::Corrupt(_)))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_remembered() {
    let (fixture, _) = fixture_with_key().await;
    let relay = fixture.another_relay();
    fixture.wrapper.break_with(SEALED);
    assert!(is_outage(relay.open(SPACE).await));
    fixture.wrapper.repair();
    assert!(relay.open(SPACE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_named_and_recovers() {
    let (fixture, _) = fixture_with_key().await;
    let relay = fixture.another_relay();
    fixture.store.set_broken(true);
    assert!(matches!(relay.open(SPACE).await, Err(DataKeyError::Store(_))));
    assert!(matches!(
        relay.create(KeyScope::Space(8)).await,
        Err(DataKeyError::Store(_))
    ));
    fixture.store.set_broken(false);
    assert!(relay.open(SPACE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_outage_leaves_open_spaces_working_until_the_window_closes() {
    let (fixture, key) = fixture_with_key().await;
    fixture.wrapper.break_with(SEALED);
    assert_eq!(fixture.keys.check().await.state, KeyServiceState::Degraded);

    advance(LIMITS.degraded_window - Duration::from_secs(1)).await;
    assert_eq!(fixture.keys.open(SPACE).await.unwrap().id(), key.id());
    assert!(is_outage(fixture.keys.create(KeyScope::Space(8)).await));

    advance(Duration::from_secs(1)).await;
    assert!(is_outage(fixture.keys.open(SPACE).await));
    assert_eq!(fixture.keys.check().await.state, KeyServiceState::Down);
    assert_eq!(fixture.keys.statistics().held, 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_past_its_age_stands_in_during_an_outage() {
    let fixture = Fixture::new(DataKeyLimits {
        max_age: LIMITS.degraded_window / 2,
        ..LIMITS
    });
    let key = fixture.keys.create(SPACE).await.unwrap();
    fixture.wrapper.break_with(SEALED);
    advance(LIMITS.degraded_window - Duration::from_secs(1)).await;
    fixture.keys.check().await;
    assert_eq!(fixture.keys.open(SPACE).await.unwrap().id(), key.id());
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_an_outage_too() {
    let (fixture, key) = fixture_with_key().await;
    fixture.wrapper.break_with(KeyWrapError::Denied("revoked".into()));
    let health = fixture.keys.check().await;
    assert_eq!(health.state, KeyServiceState::Degraded);
    assert_eq!(health.last_error, Some(KeyWrapError::Denied("revoked".into())));
    assert_eq!(fixture.keys.open(SPACE).await.unwrap().id(), key.id());
}

#[tokio::test(start_paused = true)]
async fn service_is_back_without_a_restart() {
    let (fixture, key) = fixture_with_key().await;
    fixture.wrapper.break_with(SEALED);
    advance(2 * LIMITS.degraded_window).await;
    assert!(is_outage(fixture.keys.open(SPACE).await));
    fixture.wrapper.repair();
    assert_eq!(fixture.keys.open(SPACE).await.unwrap().id(), key.id());
    assert_eq!(fixture.keys.health().state, KeyServiceState::Good);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_never_reached_its_key_service_is_down_and_recovers() {
    let (fixture, _) = fixture_with_key().await;
    let relay = fixture.another_relay();
    fixture.wrapper.break_with(SEALED);
    assert_eq!(relay.check().await.state, KeyServiceState::Down);
    fixture.wrapper.repair();
    assert_eq!(relay.check().await.state, KeyServiceState::Good);
}

#[tokio::test(start_paused = true)]
async fn a_key_past_its_age_is_opened_again() {
    let (fixture, _) = fixture_with_key().await;
    advance(LIMITS.max_age).await;
    fixture.keys.open(SPACE).await.unwrap();
    assert_eq!(fixture.wrapper.unwraps(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_check_drops_keys_past_their_age() {
    let (fixture, _) = fixture_with_key().await;
    advance(LIMITS.max_age).await;
    fixture.keys.check().await;
    assert_eq!(fixture.keys.statistics().held, 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_altered_in_the_store_is_dropped_when_it_is_opened_again() {
    let (fixture, _) = fixture_with_key().await;
    fixture.keys.create(KeyScope::Space(8)).await.unwrap();
    fixture.store.plant(WrappedDataKey {
        scope: SPACE,
        ..fixture.store.row_of(KeyScope::Space(8))
    });
    advance(LIMITS.max_age).await;
    for _ in 0..2 {
        let opened = fixture.keys.open(SPACE).await;
        assert!(matches!(
            opened,
            Err(DataKeyError::KeyService(KeyWrapError::Corrupt(_)))
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_key_is_gone_once_it_is_destroyed() {
    let (fixture, _) = fixture_with_key().await;
    fixture.store.destroy(SPACE);
    fixture.keys.forget(SPACE);
    assert!(matches!(
        fixture.keys.open(SPACE).await,
        Err(DataKeyError::Missing)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_key_forgotten_while_it_is_being_opened_is_not_kept() {
    let (fixture, _) = fixture_with_key().await;
    let relay = fixture.another_relay();
    let held = fixture.wrapper.hold_unwraps().await;
    let opening = tokio::spawn({
        let relay = relay.clone();
        async move { relay.open(SPACE).await.map(drop) }
    });
    while fixture.wrapper.unwraps() < 1 {
        tokio::task::yield_now().await;
    }
    fixture.store.destroy(SPACE);
    relay.forget(SPACE);
    drop(held);
    opening.await.unwrap().unwrap();
    assert!(matches!(relay.open(SPACE).await, Err(DataKeyError::Missing)));
}

#[tokio::test(start_paused = true)]
async fn the_cache_stays_within_its_limit() {
    let fixture = fixture();
    for number in 0..300 {
        fixture.keys.create(KeyScope::Space(number)).await.unwrap();
    }
    assert_eq!(fixture.keys.statistics().held, 100);
}
