//! The second half of the passphrase.

use super::relay::Faults;
use super::*;
use crate::account::Proof;
use crate::keystore::{DeviceSecret, SealedKeystore, SlotKey};

async fn log_in(relay: &TestRelay, secret: Option<&DeviceSecret>) -> Result<Client, Error> {
    let config = Home::new(relay).config();
    Client::login_with_device_secret(config, "alice", &passphrase(PASSPHRASE), secret).await
}

#[tokio::test]
async fn passphrase_alone_opens_no_account_with_a_device_secret() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, code) = home.register("alice").await;
    let secret = alice.enable_device_secret(&passphrase(PASSPHRASE)).await.unwrap();
    expect_not_authenticated(log_in(&relay, None).await);
    let foreign = DeviceSecret::generate(&mut crate::entropy::system());
    expect_not_authenticated(log_in(&relay, Some(&foreign)).await);
    let second = log_in(&relay, Some(&secret)).await.unwrap();
    assert_eq!(second.account(), alice.account());
    let known = Home::new(&relay).recover(&code).await.unwrap();
    let known = known.device_secret().await.unwrap().unwrap();
    assert_eq!(*known.expose_text(), *secret.expose_text());
    home.log_in("alice", PASSPHRASE).await.unwrap();
}

#[tokio::test]
async fn export_key_alone_opens_no_slot_with_a_device_secret() {
    let relay = TestRelay::start().await;
    let config = Home::new(&relay).config();
    let words = passphrase(PASSPHRASE);
    let preparing = Client::prepare_account(config, "alice", &words, None, true);
    let prepared = preparing.await.unwrap();
    let secret = prepared.device_secret().unwrap().share();
    let alice = prepared.commit().await.unwrap();
    let shared = alice.shared();
    let pin = shared.local_account().await.unwrap().content.relay;
    let (_, export_key) = crate::account::login::authenticate(
        &shared.api,
        &pin,
        "whoever guessed the passphrase",
        "alice",
        &passphrase(PASSPHRASE),
    )
    .await
    .unwrap();
    let keystore = SealedKeystore::parse(&relay.keystore()).unwrap();
    let id = shared.account_id;
    assert!(
        keystore
            .open(&SlotKey::from_export_key(&export_key, None, id))
            .is_err()
    );
    let marked_plain = keystore.marked_as_plain();
    for sealed in [&keystore, &marked_plain] {
        assert!(
            sealed
                .open(&SlotKey::from_export_key(&export_key, None, id))
                .is_err()
        );
    }
    assert!(
        keystore
            .open(&SlotKey::from_export_key(&export_key, Some(&secret), id))
            .is_ok()
    );
}

#[tokio::test]
async fn relay_that_hides_the_device_secret_opens_nothing_with_the_passphrase_alone() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let before = relay.keystore();
    let secret = alice.enable_device_secret(&passphrase(PASSPHRASE)).await.unwrap();
    relay.misbehave(Faults {
        keystore: Some(Some(before)),
        ..Faults::default()
    });
    expect_not_authenticated(log_in(&relay, Some(&secret)).await);
    expect_alarm(alice.refresh_keystore().await, "generation 1");
}

#[tokio::test]
async fn disabled_device_secret_is_needed_no_more() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let words = passphrase(PASSPHRASE);
    let secret = alice.enable_device_secret(&words).await.unwrap();
    alice
        .change_passphrase(&words, &passphrase("another horse"))
        .await
        .unwrap();
    expect_not_authenticated(Home::new(&relay).log_in("alice", "another horse").await);
    alice
        .disable_device_secret(&passphrase("another horse"))
        .await
        .unwrap();
    Home::new(&relay).log_in("alice", "another horse").await.unwrap();
    assert!(alice.device_secret().await.unwrap().is_none());
    drop(secret);
}

#[tokio::test]
async fn device_that_has_not_heard_of_the_device_secret_proves_itself_all_the_same() {
    let relay = TestRelay::start().await;
    let first_home = Home::new(&relay);
    let (first, _) = first_home.register("alice").await;
    let second = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    let words = passphrase(PASSPHRASE);
    let newest = |client: Client| async move {
        let secret = client.device_secret().await.unwrap();
        secret.map(|secret| secret.expose_text().to_string())
    };

    // First it hears of none, then of an old one, then of one that is no more.
    second.enable_device_secret(&words).await.unwrap();
    first.new_recovery_code(&words).await.unwrap();
    assert_eq!(newest(first.clone()).await, newest(second.clone()).await);
    second.enable_device_secret(&words).await.unwrap();
    let other = passphrase("another horse");
    first.change_passphrase(&words, &other).await.unwrap();
    assert_eq!(newest(first.clone()).await, newest(second.clone()).await);
    second.disable_device_secret(&other).await.unwrap();
    first.enable_device_secret(&other).await.unwrap();
    expect_not_authenticated(Home::new(&relay).log_in("alice", "another horse").await);
}

#[tokio::test]
async fn home_that_was_logged_in_before_the_device_secret_changed_logs_in_by_the_passphrase() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    home.register("alice").await;
    let second = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    for _ in 0..2 {
        let secret = second
            .enable_device_secret(&passphrase(PASSPHRASE))
            .await
            .unwrap();
        let back = home.log_in("alice", PASSPHRASE).await.unwrap();
        let known = back.device_secret().await.unwrap().unwrap();
        assert_eq!(*known.expose_text(), *secret.expose_text());
    }
}

#[tokio::test]
async fn home_from_before_a_new_start_is_told_to_use_the_newest_device_secret() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, _) = home.register("alice").await;
    let words = passphrase(PASSPHRASE);
    alice.enable_device_secret(&words).await.unwrap();
    let second = Home::new(&relay).config();
    let known = alice.device_secret().await.unwrap();
    let second = Client::login_with_device_secret(second, "alice", &words, known.as_ref()).await;
    let prepared = second
        .unwrap()
        .prepare_start_over(Proof::Passphrase(&words), &words)
        .await;
    let prepared = prepared.unwrap();
    let newest = prepared.device_secret().unwrap().share();
    prepared.commit().await.unwrap();
    expect_not_authenticated(home.log_in("alice", PASSPHRASE).await);
    let config = home.config();
    Client::login_with_device_secret(config, "alice", &words, Some(&newest))
        .await
        .unwrap();
}
