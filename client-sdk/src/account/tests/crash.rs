//! I-8: wherever a change of passphrase or recovery code is cut off, the account opens afterwards, with all it had.

use super::relay::{Cut, Faults};
use super::*;

/// More requests than any change takes.
const STEPS: usize = 10;

fn cuts() -> impl Iterator<Item = Cut> {
    (0..STEPS).flat_map(|after| [false, true].map(|served| Cut { after, served }))
}

fn cut_off(relay: &TestRelay, cut: Cut) {
    relay.misbehave(Faults {
        cut: Some(cut),
        ..Faults::default()
    });
}

#[tokio::test]
async fn cut_off_change_of_passphrase_leaves_exactly_one_that_opens() {
    let relay = TestRelay::start().await;
    let (alice, code) = Home::new(&relay).register("alice").await;
    let mut current = "passphrase 0".to_owned();
    alice
        .change_passphrase(&passphrase(PASSPHRASE), &passphrase(&current))
        .await
        .unwrap();
    for (number, cut) in cuts().enumerate() {
        let next = format!("passphrase {}", number + 1);
        cut_off(&relay, cut);
        let changed = alice
            .change_passphrase(&passphrase(&current), &passphrase(&next))
            .await;
        relay.misbehave(Faults::default());
        let by_old = Home::new(&relay).log_in("alice", &current).await;
        let by_new = Home::new(&relay).log_in("alice", &next).await;
        assert_ne!(by_old.is_ok(), by_new.is_ok(), "request {}", cut.after);
        assert!(changed.is_err() || by_new.is_ok(), "request {}", cut.after);
        if by_new.is_ok() {
            current = next;
        }
        assert_eq!(by_old.or(by_new).unwrap().account(), alice.account());
        alice.refresh_keystore().await.unwrap();
    }
    let by_code = Home::new(&relay).recover(&code).await.unwrap();
    assert_eq!(by_code.account(), alice.account());
}

#[tokio::test]
async fn cut_off_new_recovery_code_locks_nobody_out() {
    let relay = TestRelay::start().await;
    let (alice, mut current) = Home::new(&relay).register("alice").await;
    for cut in cuts() {
        cut_off(&relay, cut);
        let issued = alice.new_recovery_code(&passphrase(PASSPHRASE)).await;
        relay.misbehave(Faults::default());
        if let Ok(code) = issued {
            expect_not_authenticated(Home::new(&relay).recover(&current).await);
            current = code;
        }
        let by_passphrase = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
        assert_eq!(by_passphrase.account(), alice.account());
        if Home::new(&relay).recover(&current).await.is_err() {
            // Switched, but the answer was lost twice: the passphrase issues another one.
            current = alice.new_recovery_code(&passphrase(PASSPHRASE)).await.unwrap();
        }
    }
    let by_code = Home::new(&relay).recover(&current).await.unwrap();
    assert_eq!(by_code.account(), alice.account());
}

#[tokio::test]
async fn cut_off_registration_leaves_a_free_handle_or_an_account_that_opens() {
    let relay = TestRelay::start().await;
    for (number, cut) in cuts().take(8).enumerate() {
        let handle = format!("alice-{number}");
        let home = Home::new(&relay);
        cut_off(&relay, cut);
        let _ = Client::register(home.config(), &handle, &passphrase(PASSPHRASE), None).await;
        relay.misbehave(Faults::default());
        let config = home.config();
        let opened = match Client::open(config.clone()).await {
            Ok(client) => Ok(client),
            Err(_) => home.log_in(&handle, PASSPHRASE).await,
        };
        if opened.is_err() {
            home.register(&handle).await;
        }
    }
}
