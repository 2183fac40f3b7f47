//! An account's life at a relay that keeps the rules.

use super::*;
use crate::account::Proof;
use crate::error::StoreError;

#[tokio::test]
async fn one_identity_on_every_device_whatever_opens_it() {
    let relay = TestRelay::start().await;
    let (first, second, third) = (Home::new(&relay), Home::new(&relay), Home::new(&relay));
    let (alice, code) = first.register("alice").await;
    let by_passphrase = second.log_in("alice", PASSPHRASE).await.unwrap();
    let by_code = third.recover(&code).await.unwrap();
    assert_eq!(alice.account(), by_passphrase.account());
    assert_eq!(alice.account(), by_code.account());
    assert_eq!(alice.devices().await.unwrap().len(), 3);
}

#[tokio::test]
async fn home_opens_without_passphrase_and_without_relay() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, _) = home.register("alice").await;
    relay.stop();
    let config = ClientConfig::of_home(&home.config.home).await.unwrap();
    assert_eq!(Client::open(config).await.unwrap().account(), alice.account());
}

#[tokio::test]
async fn wrong_passphrase_and_unknown_handle_look_alike() {
    let relay = TestRelay::start().await;
    Home::new(&relay).register("alice").await;
    let home = Home::new(&relay);
    let wrong = home.log_in("alice", "wrong horse battery").await;
    let unknown = home.log_in("nobody", PASSPHRASE).await;
    let texts = [wrong, unknown].map(|result| result.err().unwrap().to_string());
    assert_eq!(texts[0], texts[1]);
    expect_not_logged_in(Client::open(home.config()).await);
}

#[tokio::test]
async fn foreign_recovery_code_opens_nothing() {
    let relay = TestRelay::start().await;
    Home::new(&relay).register("alice").await;
    let foreign = RecoveryCode::generate(&mut crate::entropy::system());
    expect_not_authenticated(Home::new(&relay).recover(&foreign).await);
}

#[tokio::test]
async fn home_takes_one_account_of_one_relay() {
    let (relay, other_relay) = (TestRelay::start().await, TestRelay::start().await);
    let home = Home::new(&relay);
    home.register("alice").await;
    let (_, code_of_bob) = Home::new(&relay).register("bob").await;
    let second = Client::register(home.config(), "carol", &passphrase(PASSPHRASE), None).await;
    assert!(matches!(second.err(), Some(Error::Usage(_))));
    for refused in [
        home.log_in("bob", PASSPHRASE).await,
        home.recover(&code_of_bob).await,
    ] {
        assert!(matches!(
            refused.err(),
            Some(Error::Store(StoreError::OtherAccount))
        ));
    }
    let moved = ClientConfig::new(&other_relay.url(), &home.config.home).unwrap();
    assert!(matches!(
        Client::open(moved.clone()).await.err(),
        Some(Error::Usage(_))
    ));
    let moved = Client::login(moved, "alice", &passphrase(PASSPHRASE)).await;
    assert!(matches!(moved.err(), Some(Error::Usage(_))));
    assert!(other_relay.state().asked.is_empty());
}

#[tokio::test]
async fn home_is_given_one_account_at_a_time() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    Home::new(&relay).register("alice").await;
    let words = passphrase(PASSPHRASE);
    let prepare = |handle| Client::prepare_account(home.config(), handle, &words, None, false);
    let dropped = prepare("bob").await.unwrap();
    drop(dropped);
    let prepared = prepare("bob").await.unwrap();
    let before = relay.sessions();
    for refused in [
        prepare("carol").await.map(drop),
        home.log_in("alice", PASSPHRASE).await.map(drop),
    ] {
        assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    }
    assert_eq!(relay.sessions(), before, "the login in vain has left no session");
    let bob = prepared.commit().await.unwrap();
    assert!(prepare("carol").await.is_err());
    assert!(!relay.knows("carol"));
    assert_eq!(bob.account().handle, "bob");
}

#[tokio::test]
async fn what_was_prepared_and_given_up_changes_nothing() {
    let relay = TestRelay::start().await;
    let (alice, code) = Home::new(&relay).register("alice").await;
    let words = passphrase(PASSPHRASE);
    let given_up = alice.prepare_recovery_code(&words).await.unwrap();
    let unborn = given_up.secret().share();
    given_up.abandon().await;
    drop(alice.prepare_device_secret(&words).await.unwrap());
    expect_not_authenticated(Home::new(&relay).recover(&unborn).await);
    Home::new(&relay).recover(&code).await.unwrap();
    Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    alice.refresh_keystore().await.unwrap();
    assert!(alice.device_secret().await.unwrap().is_none());
}

#[tokio::test]
async fn home_without_an_account_is_named() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay).config.home;
    let error = ClientConfig::of_home(&home).await.err().unwrap();
    assert!(error.to_string().contains(home.to_str().unwrap()), "{error}");
    expect_not_logged_in(Client::check_home(&home).await);
    expect_not_logged_in(Client::forget_home(&home).await);
    assert!(!home.exists());
}

#[tokio::test]
async fn home_keeps_the_name_of_its_device() {
    let relay = TestRelay::start().await;
    let mut home = Home::new(&relay);
    let folder = home.config.home.clone();
    assert_eq!(ClientConfig::kept_device_name(&folder).await.unwrap(), None);
    home.config.device_name = "Alice's phone".to_owned();
    let (alice, _) = home.register("alice").await;
    alice.refresh_keystore().await.unwrap();
    let kept = ClientConfig::kept_device_name(&folder).await.unwrap();
    assert_eq!(kept.as_deref(), Some("Alice's phone"));
}

#[tokio::test]
async fn damaged_home_is_noticed_and_can_be_forgotten() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    home.register("alice").await;
    let folder = &home.config.home;
    Client::check_home(folder).await.unwrap();
    std::fs::write(
        folder.join("store.sqlite3"),
        "no database at all, and long enough to be read as one",
    )
    .unwrap();
    let damaged = Client::check_home(folder).await.err();
    assert!(
        matches!(damaged, Some(Error::Store(StoreError::Corrupt(_)))),
        "{damaged:?}"
    );
    assert!(Client::open(home.config()).await.is_err());
    Client::forget_home(folder).await.unwrap();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
    home.log_in("alice", PASSPHRASE).await.unwrap();
}

#[tokio::test]
async fn logging_in_again_replaces_the_session() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    home.register("alice").await;
    let again = home.log_in("alice", PASSPHRASE).await.unwrap();
    assert_eq!(relay.sessions(), 1);
    assert_eq!(again.devices().await.unwrap().len(), 1);
}

#[tokio::test]
async fn changed_passphrase_replaces_the_old_one() {
    let relay = TestRelay::start().await;
    let (alice, code) = Home::new(&relay).register("alice").await;
    let (old, new) = (passphrase(PASSPHRASE), passphrase("another horse"));
    alice.change_passphrase(&old, &new).await.unwrap();
    expect_not_authenticated(Home::new(&relay).log_in("alice", PASSPHRASE).await);
    let by_new = Home::new(&relay).log_in("alice", "another horse").await.unwrap();
    let by_code = Home::new(&relay).recover(&code).await.unwrap();
    assert_eq!(by_new.account(), alice.account());
    assert_eq!(by_code.account(), alice.account());
    assert_eq!(alice.devices().await.unwrap().len(), 3);
}

#[tokio::test]
async fn wrong_old_passphrase_changes_nothing() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let before = relay.keystore();
    let wrong = passphrase("wrong horse battery");
    expect_not_authenticated(
        alice
            .change_passphrase(&wrong, &passphrase("another horse"))
            .await,
    );
    expect_not_authenticated(alice.new_recovery_code(&wrong).await);
    assert_eq!(relay.keystore(), before);
    assert_eq!(relay.sessions(), 1);
}

#[tokio::test]
async fn new_recovery_code_replaces_the_old_one() {
    let relay = TestRelay::start().await;
    let (alice, old) = Home::new(&relay).register("alice").await;
    let new = alice.new_recovery_code(&passphrase(PASSPHRASE)).await.unwrap();
    expect_not_authenticated(Home::new(&relay).recover(&old).await);
    let by_new = Home::new(&relay).recover(&new).await.unwrap();
    let by_passphrase = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    assert_eq!(by_new.account(), alice.account());
    assert_eq!(by_passphrase.account(), alice.account());
}

#[tokio::test]
async fn short_passphrase_is_refused_before_anything_is_sent() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let refused = Client::register(home.config(), "alice", &passphrase("short"), Some(token(1))).await;
    assert!(matches!(refused.err(), Some(Error::Usage(_))));
    assert!(relay.state().asked.is_empty());
}

#[tokio::test]
async fn same_passphrase_typed_on_another_keyboard_opens_too() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let composed = passphrase("caf\u{e9} au lait");
    Client::register(home.config(), "alice", &composed, None)
        .await
        .unwrap();
    Home::new(&relay)
        .log_in("alice", "cafe\u{301} au lait")
        .await
        .unwrap();
}

#[tokio::test]
async fn logout_ends_the_session_and_leaves_an_empty_home() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, _) = home.register("alice").await;
    alice.logout().await.unwrap();
    assert_eq!(relay.sessions(), 0);
    assert_eq!(std::fs::read_dir(&home.config.home).unwrap().count(), 0);
    expect_not_logged_in(Client::open(home.config()).await);
}

#[tokio::test]
async fn login_that_leads_nowhere_leaves_nothing_in_the_home_and_one_that_was_logged_in_keeps_all() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let files = || std::fs::read_dir(&home.config.home).unwrap().count();
    expect_not_authenticated(home.log_in("alice", PASSPHRASE).await);
    assert_eq!(files(), 0);
    let pending = Client::login_by_approval(home.config(), "alice").await.unwrap();
    pending.withdraw().await;
    drop(pending);
    assert_eq!(files(), 0);
    home.register("alice").await;
    expect_not_authenticated(home.log_in("alice", "wrong horse battery").await);
    Client::open(home.config())
        .await
        .unwrap()
        .devices()
        .await
        .unwrap();
}

#[tokio::test]
async fn two_that_would_give_a_home_an_account_do_not_meet_in_it() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    Home::new(&relay).register("alice").await;
    let pending = Client::login_by_approval(home.config(), "alice").await.unwrap();
    let second = Client::login_by_approval(home.config(), "alice").await.err();
    assert!(matches!(second, Some(Error::Usage(_))), "{second:?}");
    assert!(matches!(
        home.log_in("alice", PASSPHRASE).await.err(),
        Some(Error::Usage(_))
    ));
    drop(pending);
    home.log_in("alice", PASSPHRASE).await.unwrap();
}

#[tokio::test]
async fn logout_that_the_relay_does_not_hear_destroys_nothing() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, _) = home.register("alice").await;
    relay.stop();
    assert!(matches!(alice.clone().logout().await, Err(Error::Network(_))));
    alice.refresh_keystore().await.unwrap_err();
    let client = Client::open(home.config()).await.unwrap();
    client.forget().await.unwrap();
    expect_not_logged_in(Client::open(home.config()).await);
}

#[tokio::test]
async fn deleted_account_is_gone_here_and_there_and_its_handle_is_free() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, code) = home.register("alice").await;
    let second = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    expect_not_authenticated(
        alice
            .clone()
            .delete_account(&passphrase("wrong horse battery"))
            .await,
    );
    assert_eq!(relay.sessions(), 2);
    alice.delete_account(&passphrase(PASSPHRASE)).await.unwrap();
    assert_eq!((relay.sessions(), relay.accounts_called("alice")), (0, 0));
    assert_eq!(std::fs::read_dir(&home.config.home).unwrap().count(), 0);
    expect_not_authenticated(second.refresh_keystore().await);
    expect_not_authenticated(Home::new(&relay).log_in("alice", PASSPHRASE).await);
    expect_not_authenticated(Home::new(&relay).recover(&code).await);
    home.register("alice").await;
}

#[tokio::test]
async fn revoked_device_is_not_authenticated_any_more() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    let lost = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    let devices = alice.devices().await.unwrap();
    let other = devices.iter().find(|device| !device.current).unwrap();
    let wrong = passphrase("wrong horse battery");
    let refused = alice
        .revoke_device(&other.session_id, Proof::Passphrase(&wrong))
        .await;
    expect_not_authenticated(refused);
    lost.devices().await.unwrap();
    let secret = passphrase(PASSPHRASE);
    alice
        .revoke_device(&other.session_id, Proof::Passphrase(&secret))
        .await
        .unwrap();
    expect_not_authenticated(lost.devices().await);
    assert_eq!(relay.sessions(), 1);
}

#[tokio::test]
async fn relay_never_receives_what_opens_an_account() {
    let relay = TestRelay::start().await;
    let (alice, code) = Home::new(&relay).register("alice").await;
    Home::new(&relay).recover(&code).await.unwrap();
    let new = passphrase("another horse");
    alice
        .change_passphrase(&passphrase(PASSPHRASE), &new)
        .await
        .unwrap();
    let seeds = alice.shared().identity.expose_seeds();
    let text = code.expose_text();
    let secrets: [&[u8]; 6] = [
        PASSPHRASE.as_bytes(),
        b"another horse",
        text.as_bytes(),
        code.expose_entropy(),
        seeds.0.expose_bytes(),
        seeds.1.expose_bytes(),
    ];
    let received = relay.state().received.clone();
    for secret in secrets {
        for form in forms(secret) {
            assert!(!received.windows(form.len()).any(|window| window == form));
        }
    }
}

/// A secret as it might travel: raw, in hex, in base64.
fn forms(secret: &[u8]) -> [Vec<u8>; 3] {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret);
    [
        secret.to_vec(),
        hex::encode(secret).into_bytes(),
        base64.into_bytes(),
    ]
}
