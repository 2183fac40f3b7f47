//! A relay that breaks one rule at a time. The numbers are those of the list of attacks the SDK must withstand.

use sealpost_protocol::http::KsfParameters;
use sealpost_protocol::ids::{Incarnation, SpaceId};

use super::relay::{Faults, KSF};
use super::*;
use crate::account::Met;
use crate::account::login::authenticate;
use crate::keystore::SlotKey;

async fn with_alice() -> (TestRelay, Home, Client, RecoveryCode) {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, code) = home.register("alice").await;
    (relay, home, alice, code)
}

fn asked(relay: &TestRelay, part: &str) -> bool {
    relay.state().asked.iter().any(|path| path.contains(part))
}

#[tokio::test]
async fn r9_changed_opaque_key_is_refused_before_anything_is_proven() {
    let (relay, home, ..) = with_alice().await;
    relay.misbehave(Faults {
        announced_key: Some([7; 32]),
        ..Faults::default()
    });
    expect_alarm(home.log_in("alice", PASSPHRASE).await, "another OPAQUE key");
    assert!(!asked(&relay, "/login"));
}

#[tokio::test]
async fn r9_other_server_behind_the_announced_key_gets_no_proof() {
    let relay = TestRelay::start().await;
    Home::new(&relay).register("alice").await;
    let announced = sealpost_opaque::ServerSetup::generate().public_key();
    relay.misbehave(Faults {
        announced_key: Some(announced),
        ..Faults::default()
    });
    let new_home = Home::new(&relay);
    expect_alarm(new_home.log_in("alice", PASSPHRASE).await, "another OPAQUE key");
    assert!(!asked(&relay, "/login/finish"));
}

#[tokio::test]
async fn r9_key_pinned_inside_the_keystore_outranks_a_first_contact() {
    let (relay, _, _, code) = with_alice().await;
    relay.misbehave(Faults {
        announced_key: Some([7; 32]),
        ..Faults::default()
    });
    let new_home = Home::new(&relay);
    expect_alarm(new_home.recover(&code).await, "another OPAQUE key");
    expect_not_logged_in(Client::open(new_home.config()).await);
}

#[tokio::test]
async fn r11_relay_that_claims_another_origin_gets_no_signature() {
    let (relay, _, _, code) = with_alice().await;
    relay.misbehave(Faults {
        origin: Some("https://relay.example.org".to_owned()),
        ..Faults::default()
    });
    let refused = Home::new(&relay).recover(&code).await.err();
    assert!(matches!(refused, Some(Error::Usage(_))));
    assert!(!asked(&relay, "/login"));
}

#[tokio::test]
async fn r12_r13_weak_and_absurd_stretching_is_refused_before_it_is_done() {
    let (relay, ..) = with_alice().await;
    let weak = KsfParameters { m_kib: 19_456, ..KSF };
    let absurd = KsfParameters {
        m_kib: u32::MAX,
        t: u32::MAX,
        p: (1 << 24) - 1,
    };
    for ksf in [weak, absurd] {
        relay.misbehave(Faults {
            ksf: Some(ksf),
            ..Faults::default()
        });
        let home = Home::new(&relay);
        expect_alarm(home.log_in("alice", PASSPHRASE).await, "stretching");
        let new = Client::register(home.config(), "bob", &passphrase(PASSPHRASE), None).await;
        expect_alarm(new, "stretching");
        // Nothing derives but on parameters that were checked, which is the type's to say; and nothing came of it.
        assert!(!asked(&relay, "finish"));
    }
}

#[tokio::test]
async fn r15_older_keystore_is_refused_on_every_way_to_it() {
    let (relay, home, alice, _) = with_alice().await;
    let old = relay.keystore();
    alice.new_recovery_code(&passphrase(PASSPHRASE)).await.unwrap();
    relay.misbehave(Faults {
        keystore: Some(Some(old)),
        ..Faults::default()
    });
    expect_alarm(alice.refresh_keystore().await, "generation 1");
    expect_alarm(home.log_in("alice", PASSPHRASE).await, "generation 1");
    let (current, new) = (passphrase(PASSPHRASE), passphrase("another horse"));
    expect_alarm(alice.change_passphrase(&current, &new).await, "generation 1");
}

#[tokio::test]
async fn r15_relay_that_was_restored_gets_the_newer_keystore_back_and_may_not_show_less_again() {
    let (relay, home, alice, code) = with_alice().await;
    let old = relay.keystore();
    let late = SpaceId::new([9; 32]);
    alice.name_space(late, "late").await.unwrap();
    let restore = |life: u8| {
        let mut state = relay.state();
        state.accounts[0].keystores = vec![old.clone()];
        state.incarnation = Incarnation::new([life; 16]);
    };
    restore(2);
    alice.refresh_keystore().await.unwrap();
    let names = async |client: &Client| {
        let known = client.known_spaces().await.unwrap();
        known.into_iter().map(|space| space.name).collect::<Vec<_>>()
    };
    let by_code = Home::new(&relay).recover(&code).await.unwrap();
    assert_eq!(names(&by_code).await, ["late"]);
    // The same once more is no restore.
    restore(2);
    expect_alarm(alice.refresh_keystore().await, "shows keystore generation 1");
    expect_alarm(
        home.log_in("alice", PASSPHRASE).await,
        "shows keystore generation 1",
    );
    // Who comes by a login puts it back as well.
    restore(3);
    drop(alice);
    let alice = home.log_in("alice", PASSPHRASE).await.unwrap();
    assert_eq!(names(&alice).await, ["late"]);
    let by_code = Home::new(&relay).recover(&code).await.unwrap();
    assert_eq!(names(&by_code).await, ["late"]);
}

#[tokio::test]
async fn r15_two_keystores_of_one_generation_are_refused() {
    let (relay, home, alice, _) = with_alice().await;
    let common = relay.keystore();
    // The owner's second device makes generation 2 at a relay that hides it from the first, which makes another one.
    let second = Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
    second.new_recovery_code(&passphrase(PASSPHRASE)).await.unwrap();
    let hidden = relay.keystore();
    relay.state().accounts[0].keystores = vec![common];
    alice.new_recovery_code(&passphrase(PASSPHRASE)).await.unwrap();
    relay.state().accounts[0].keystores = vec![hidden];
    expect_alarm(alice.refresh_keystore().await, "another keystore of generation 2");
    expect_alarm(
        home.log_in("alice", PASSPHRASE).await,
        "another keystore of generation 2",
    );
}

#[tokio::test]
async fn r16_keystore_of_another_account_is_refused() {
    let (relay, home, ..) = with_alice().await;
    Home::new(&relay).register("bob").await;
    let of_bob = relay.state().accounts[1].keystores[0].clone();
    relay.misbehave(Faults {
        keystore: Some(Some(of_bob)),
        ..Faults::default()
    });
    expect_alarm(home.log_in("alice", PASSPHRASE).await, "does not open");
}

#[tokio::test]
async fn r17_flipped_and_cut_keystores_are_refused_alike() {
    let (relay, _, _, code) = with_alice().await;
    let whole = relay.keystore();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for keystore in [flipped, whole[..100].to_vec(), Vec::new()] {
        relay.misbehave(Faults {
            keystore: Some(Some(keystore)),
            ..Faults::default()
        });
        let home = Home::new(&relay);
        expect_alarm(home.recover(&code).await, "the keystore does not open");
        expect_not_logged_in(Client::open(home.config()).await);
    }
}

#[tokio::test]
async fn r19_missing_keystore_is_never_taken_for_a_new_account() {
    let (relay, home, alice, code) = with_alice().await;
    let before = relay.keystore();
    relay.misbehave(Faults {
        keystore: Some(None),
        ..Faults::default()
    });
    expect_alarm(home.log_in("alice", PASSPHRASE).await, "no keystore");
    expect_alarm(Home::new(&relay).recover(&code).await, "no keystore");
    expect_alarm(alice.refresh_keystore().await, "no keystore");
    assert_eq!(relay.keystore(), before);
}

#[tokio::test]
async fn swapped_stage_is_not_switched_to() {
    let (relay, _, alice, _) = with_alice().await;
    let before = relay.keystore();
    relay.misbehave(Faults {
        staged: Some(before.clone()),
        ..Faults::default()
    });
    let (old, new) = (passphrase(PASSPHRASE), passphrase("another horse"));
    expect_alarm(
        alice.change_passphrase(&old, &new).await,
        "staged another keystore",
    );
    expect_alarm(alice.new_recovery_code(&old).await, "staged another keystore");
    assert!(!asked(&relay, "commit"));
    relay.misbehave(Faults::default());
    Home::new(&relay).log_in("alice", PASSPHRASE).await.unwrap();
}

#[tokio::test]
async fn relay_that_knows_the_account_by_another_principal_is_refused_and_its_session_ended() {
    let (relay, _, _, code) = with_alice().await;
    let (bob, _) = Home::new(&relay).register("bob").await;
    relay.misbehave(Faults {
        principal: Some(bob.account().principal_id),
        ..Faults::default()
    });
    let new_home = Home::new(&relay);
    for login in [
        new_home.log_in("alice", PASSPHRASE).await,
        new_home.recover(&code).await,
    ] {
        expect_alarm(login, "another principal");
        let last = relay.state().asked.last().unwrap().clone();
        assert_eq!(last, "DELETE /v1/sessions/current");
    }
    expect_not_logged_in(Client::open(new_home.config()).await);
}

#[tokio::test]
async fn handle_that_would_command_a_terminal_is_refused() {
    let (relay, _, _, code) = with_alice().await;
    relay.misbehave(Faults {
        handle: Some("alice\u{1b}[2J".to_owned()),
        ..Faults::default()
    });
    let home = Home::new(&relay);
    expect_alarm(home.recover(&code).await, "a handle that is not one");
    expect_not_logged_in(Client::open(home.config()).await);
}

#[tokio::test]
async fn login_into_another_account_is_refused() {
    let (relay, ..) = with_alice().await;
    relay.misbehave(Faults {
        handle: Some("mallory".to_owned()),
        ..Faults::default()
    });
    expect_alarm(
        Home::new(&relay).log_in("alice", PASSPHRASE).await,
        "another account",
    );
}

#[tokio::test]
async fn recovery_into_a_home_that_knows_the_handle_is_refused_under_another_one() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, code) = home.register("alice").await;
    relay.misbehave(Faults {
        handle: Some("mallory".to_owned()),
        ..Faults::default()
    });
    expect_alarm(home.recover(&code).await, "another handle");
    assert_eq!(
        Client::open(home.config()).await.unwrap().account(),
        alice.account()
    );
}

#[tokio::test]
async fn login_that_was_overtaken_does_not_take_the_home_back() {
    let relay = TestRelay::start().await;
    let home = Home::new(&relay);
    let (alice, _) = home.register("alice").await;
    let met = Met::new(home.config()).await.unwrap();
    let before = relay.keystore();
    alice.name_space(SpaceId::new([7; 32]), "garden").await.unwrap();
    relay.misbehave(Faults {
        keystore: Some(Some(before)),
        ..Faults::default()
    });
    let words = passphrase(PASSPHRASE);
    let authenticated = authenticate(&met.api, &met.pin, "device", "alice", &words).await;
    let (logged_in, export_key) = authenticated.unwrap();
    let slot_key = SlotKey::from_export_key(&export_key, None, logged_in.account_id);
    let sessions = relay.sessions();
    let overtaken = met.open_and_enter(logged_in, |_, _| slot_key).await;
    assert!(matches!(overtaken.err(), Some(Error::Usage(_))));
    assert_eq!(
        relay.sessions(),
        sessions - 1,
        "the session of the login was ended"
    );
    let local = alice.shared().local_account().await.unwrap();
    assert_eq!((local.generation.number, local.content.spaces.len()), (2, 1));
}
