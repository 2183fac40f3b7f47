//! I-8: whatever breaks at whatever step of a change of the keystore, the account opens afterwards, by the old secret or
//! by the new one, and nothing it had is lost.
//!
//! The steps are counted, not listed: a change is made once with nothing broken, and each request that it made then is one
//! step. A change that gets another step gets it tried here without anybody thinking of it.

mod change;
mod scene;

use super::relay::{Faults, Strike, Victim};
use std::sync::Mutex;

use super::*;
use crate::keystore::DeviceSecret;
use change::Change;
use scene::Scene;

/// Strikes at each of so many steps, before and after the relay acts on it.
///
/// A client that dies before a step leaves at the relay what it leaves after the step before it. At its home too, unless it
/// wrote there between the two; changes do that before their last step, so that is tried.
pub(super) fn strikes(steps: usize, victim: Victim) -> impl Iterator<Item = Strike> {
    let all = (0..steps).flat_map(move |after| {
        [false, true].map(|served| Strike {
            after,
            served,
            victim,
        })
    });
    let is_an_end = move |step| step == 0 || step + 1 == steps;
    all.filter(move |strike| strike.served || is_an_end(strike.after) || victim != Victim::Client)
}

async fn strike_every_step_of_every_change(victim: Victim) {
    let mut scene = Scene::new().await;
    for change in Change::ALL {
        let steps = Box::pin(scene.count_steps(change)).await;
        assert!(steps > 1, "{change:?} was not made");
        for strike in strikes(steps, victim) {
            Box::pin(scene.strike(change, strike)).await;
        }
    }
}

#[tokio::test]
async fn connection_cut_at_any_step_of_a_change_leaves_one_secret_that_opens() {
    strike_every_step_of_every_change(Victim::Connection).await;
}

#[tokio::test]
async fn relay_gone_from_any_step_of_a_change_on_leaves_one_secret_that_opens() {
    strike_every_step_of_every_change(Victim::Relay).await;
}

#[tokio::test]
async fn relay_that_says_it_failed_at_any_step_of_a_change_leaves_one_secret_that_opens() {
    strike_every_step_of_every_change(Victim::Answer).await;
}

#[tokio::test]
async fn client_killed_at_any_step_of_a_change_leaves_one_secret_that_opens() {
    strike_every_step_of_every_change(Victim::Client).await;
}

#[tokio::test]
async fn registration_struck_at_any_step_leaves_a_free_handle_or_an_account_that_opens() {
    for with_device_secret in [false, true] {
        let relay = TestRelay::start().await;
        relay.misbehave(Faults::default());
        Home::new(&relay).register("alice").await;
        let steps = relay.state().asked.len();
        let victims = [Victim::Connection, Victim::Relay, Victim::Answer, Victim::Client];
        let all = victims.into_iter().flat_map(|victim| strikes(steps, victim));
        for (number, strike) in all.enumerate() {
            let (home, handle) = (Home::new(&relay), format!("alice-{number}"));
            let paper = Mutex::default();
            let registering = Box::pin(register_on_paper(&home, &handle, with_device_secret, &paper));
            let registered = relay.strike(strike, registering).await;
            assert!(
                !matches!(registered, Some(Ok(_))) || relay.knows(&handle),
                "{strike:?}"
            );
            if let Some(Err(error)) = registered {
                assert!(
                    error.leaves_open() || !relay.knows(&handle),
                    "{strike:?}: {error}"
                );
            }
            if !relay.knows(&handle) {
                let registering = register_on_paper(&home, &handle, with_device_secret, &paper);
                Box::pin(registering).await.unwrap();
            }
            assert_eq!(relay.accounts_called(&handle), 1, "{strike:?}");
            paper
                .into_inner()
                .unwrap()
                .unwrap()
                .opens(&relay, &home, &handle)
                .await;
        }
    }
}

/// What the owner has written down.
struct Paper {
    code: RecoveryCode,
    secret: Option<DeviceSecret>,
}

impl Paper {
    /// In the home itself and on new devices.
    async fn opens(&self, relay: &TestRelay, home: &Home, handle: &str) {
        for config in [home.config(), Home::new(relay).config()] {
            let words = passphrase(PASSPHRASE);
            Client::login_with_device_secret(config, handle, &words, self.secret.as_ref())
                .await
                .unwrap();
        }
        Home::new(relay).recover(&self.code).await.unwrap();
    }
}

/// Registers as a careful owner does: everything is on paper before it counts.
async fn register_on_paper(
    home: &Home,
    handle: &str,
    with_device_secret: bool,
    paper: &Mutex<Option<Paper>>,
) -> Result<Client, Error> {
    let words = passphrase(PASSPHRASE);
    let preparing = Client::prepare_account(home.config(), handle, &words, None, with_device_secret);
    let prepared = preparing.await?;
    *paper.lock().unwrap() = Some(Paper {
        code: prepared.recovery_code().share(),
        secret: prepared.device_secret().map(DeviceSecret::share),
    });
    prepared.commit().await
}

#[tokio::test]
async fn deletion_struck_at_any_step_leaves_an_account_that_opens_or_none() {
    let relay = TestRelay::start().await;
    let secret = passphrase(PASSPHRASE);
    let (client, _) = Home::new(&relay).register("alice").await;
    relay.misbehave(Faults::default());
    client.delete_account(&secret).await.unwrap();
    let steps = relay.state().asked.len();
    let victims = [Victim::Connection, Victim::Relay, Victim::Answer, Victim::Client];
    for strike in victims.into_iter().flat_map(|victim| strikes(steps, victim)) {
        let (client, _) = Home::new(&relay).register("alice").await;
        let deleted = relay.strike(strike, client.delete_account(&secret)).await;
        let opened = Home::new(&relay).log_in("alice", PASSPHRASE).await;
        assert_eq!(opened.is_ok(), relay.knows("alice"), "{strike:?}");
        if let (true, Some(Err(error))) = (opened.is_err(), &deleted) {
            assert!(error.leaves_open(), "{strike:?}: {error}");
        }
        if let Ok(opened) = opened {
            assert!(!matches!(deleted, Some(Ok(()))), "{strike:?}");
            opened.delete_account(&secret).await.unwrap();
        }
    }
}
