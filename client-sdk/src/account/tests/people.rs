//! Contacts, and that they follow their owner.

use prost::Message;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::ids::SpaceId;

use super::relay::Faults;
use super::*;
use crate::identity::Identity;

struct Pair {
    relay: TestRelay,
    alice: Client,
    bob: Client,
}

impl Pair {
    async fn new() -> Self {
        let relay = TestRelay::start().await;
        let (alice, _) = Home::new(&relay).register("alice").await;
        let (bob, _) = Home::new(&relay).register("bob").await;
        Self { relay, alice, bob }
    }

    async fn confirm_bob(&self) {
        self.alice
            .contacts()
            .import(&self.bob.contact_card())
            .await
            .unwrap();
        let fingerprint = self.bob.fingerprint().to_string();
        self.alice.contacts().confirm("bob", &fingerprint).await.unwrap();
    }
}

fn foreign_manifest() -> Vec<u8> {
    let mallory = Identity::generate(&mut crate::entropy::system());
    mallory.signed_manifest().encode_to_vec()
}

#[tokio::test]
async fn card_is_a_candidate_until_its_fingerprint_is_confirmed() {
    let pair = Pair::new().await;
    let contacts = pair.alice.contacts();
    let candidate = contacts.import(&pair.bob.contact_card()).await.unwrap();
    assert_eq!(candidate.confirmed_at_ms, None);
    assert!(matches!(contacts.confirmed("bob").await, Err(Error::Usage(_))));
    let fingerprint = pair.bob.fingerprint().to_string();
    let confirmed = contacts.confirm("bob", &fingerprint).await.unwrap();
    assert_eq!(confirmed.manifest(), &pair.bob.account().manifest);
    assert_eq!(contacts.confirmed("bob").await.unwrap(), confirmed);
    assert!(contacts.list().await.unwrap()[0].confirmed_at_ms.is_some());
}

#[tokio::test]
async fn foreign_fingerprint_confirms_nobody() {
    let pair = Pair::new().await;
    let contacts = pair.alice.contacts();
    contacts.import(&pair.bob.contact_card()).await.unwrap();
    let foreign = pair.alice.fingerprint().to_string();
    expect_alarm(contacts.confirm("bob", &foreign).await, "none of the candidates");
    assert!(matches!(contacts.confirmed("bob").await, Err(Error::Usage(_))));
}

#[tokio::test]
async fn confirmed_contact_follows_its_owner_to_a_new_device() {
    let pair = Pair::new().await;
    pair.confirm_bob().await;
    let device = Home::new(&pair.relay).log_in("alice", PASSPHRASE).await.unwrap();
    let confirmed = device.contacts().confirmed("bob").await.unwrap();
    assert_eq!(confirmed.manifest(), &pair.bob.account().manifest);
}

#[tokio::test]
async fn r2_r7_other_keys_for_a_confirmed_handle_are_blocked() {
    let pair = Pair::new().await;
    pair.confirm_bob().await;
    pair.relay.misbehave(Faults {
        manifest: Some(foreign_manifest()),
        ..Faults::default()
    });
    expect_alarm(pair.alice.contacts().look_up("bob").await, "other keys");
    let device = Home::new(&pair.relay).log_in("alice", PASSPHRASE).await.unwrap();
    expect_alarm(device.contacts().confirmed("bob").await, "other keys");
    assert_eq!(pair.alice.contacts().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn r4_manifest_that_is_not_signed_by_its_key_is_refused() {
    let pair = Pair::new().await;
    let mut manifest = foreign_manifest();
    *manifest.last_mut().unwrap() ^= 1;
    pair.relay.misbehave(Faults {
        manifest: Some(manifest),
        ..Faults::default()
    });
    expect_alarm(pair.alice.contacts().look_up("bob").await, "does not hold");
}

#[tokio::test]
async fn removed_contact_can_be_confirmed_with_new_keys() {
    let pair = Pair::new().await;
    pair.confirm_bob().await;
    pair.alice.contacts().remove("bob").await.unwrap();
    assert!(pair.alice.contacts().list().await.unwrap().is_empty());
    let manifest = foreign_manifest();
    pair.relay.misbehave(Faults {
        manifest: Some(manifest),
        ..Faults::default()
    });
    let candidate = pair.alice.contacts().look_up("bob").await.unwrap();
    let fingerprint = candidate.fingerprint().to_string();
    pair.alice.contacts().confirm("bob", &fingerprint).await.unwrap();
}

#[tokio::test]
async fn contact_that_nobody_knows_is_not_said_to_be_removed() {
    let pair = Pair::new().await;
    let refused = pair.alice.contacts().remove("bob").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotFound));
    pair.alice.contacts().look_up("bob").await.unwrap();
    pair.alice.contacts().remove("bob").await.unwrap();
    let again = pair.alice.contacts().remove("bob").await.unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::NotFound));
}

#[tokio::test]
async fn earlier_keystores_are_listed_and_open_to_what_they_held() {
    let pair = Pair::new().await;
    pair.confirm_bob().await;
    pair.alice.contacts().remove("bob").await.unwrap();
    let kept = pair.alice.keystore_history().await.unwrap();
    let numbers: Vec<_> = kept.iter().map(|kept| kept.version).collect();
    assert_eq!(numbers, [3, 2, 1]);
    let before = pair.alice.past_keystore(2).await.unwrap();
    assert_eq!((before.version, before.generation), (2, 2));
    assert_eq!(before.contacts[0].handle, "bob");
    assert!(pair.alice.past_keystore(3).await.unwrap().contacts.is_empty());
    let missing = pair.alice.past_keystore(9).await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::NotFound));
}

#[tokio::test]
async fn earlier_keystore_of_another_account_is_refused() {
    let pair = Pair::new().await;
    let of_bob = pair.relay.state().accounts[1].keystores[0].clone();
    pair.relay.misbehave(Faults {
        keystore: Some(Some(of_bob)),
        ..Faults::default()
    });
    expect_alarm(pair.alice.past_keystore(1).await, "does not open");
}

#[tokio::test]
async fn own_card_is_nobody_else() {
    let pair = Pair::new().await;
    let own = pair.alice.contact_card();
    assert!(matches!(
        pair.alice.contacts().import(&own).await,
        Err(Error::Usage(_))
    ));
}

#[tokio::test]
async fn changes_of_two_devices_meet_in_one_keystore() {
    let pair = Pair::new().await;
    let (carol, _) = Home::new(&pair.relay).register("carol").await;
    let second = Home::new(&pair.relay).log_in("alice", PASSPHRASE).await.unwrap();
    second.contacts().import(&carol.contact_card()).await.unwrap();
    let (contacts, fingerprint) = (second.contacts(), carol.fingerprint().to_string());
    let (_, confirmed) = tokio::join!(pair.confirm_bob(), contacts.confirm("carol", &fingerprint));
    confirmed.unwrap();
    pair.alice.refresh_keystore().await.unwrap();
    let known = pair.alice.contacts().list().await.unwrap();
    let handles: Vec<_> = known.iter().map(|contact| contact.handle.as_str()).collect();
    assert!(
        handles.contains(&"bob") && handles.contains(&"carol"),
        "{handles:?}"
    );
}

#[tokio::test]
async fn what_one_device_confirms_and_names_the_others_list_and_trust() {
    let pair = Pair::new().await;
    let phone = Home::new(&pair.relay).log_in("alice", PASSPHRASE).await.unwrap();
    pair.confirm_bob().await;
    let space = SpaceId::new([7; 32]);
    pair.alice.name_space(space, "garden").await.unwrap();
    assert!(phone.contacts().known().await.unwrap().is_empty());
    let listed = phone.contacts().list().await.unwrap();
    assert_eq!((listed.len(), &listed[0].handle[..]), (1, "bob"));
    assert!(phone.contacts().confirmed("bob").await.is_ok());
    pair.alice.name_space(space, "yard").await.unwrap();
    let spaces = phone.spaces().await.unwrap();
    assert_eq!((spaces.len(), &spaces[0].name[..]), (1, "yard"));
    pair.relay.stop();
    assert_eq!(phone.contacts().list().await.unwrap().len(), 1);
    assert_eq!(phone.spaces().await.unwrap().len(), 1);
}

#[tokio::test]
async fn confirmation_that_one_device_withdraws_is_trusted_by_none() {
    let pair = Pair::new().await;
    let phone = Home::new(&pair.relay).log_in("alice", PASSPHRASE).await.unwrap();
    pair.confirm_bob().await;
    phone.contacts().remove("bob").await.unwrap();
    let refused = pair.alice.contacts().confirmed("bob").await;
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
    pair.confirm_bob().await;
    pair.relay.stop();
    let unknown = pair.alice.contacts().confirmed("bob").await;
    assert!(matches!(unknown, Err(Error::Network(_))), "{unknown:?}");
}

#[tokio::test]
async fn contact_whose_account_is_gone_is_trusted_no_more() {
    let pair = Pair::new().await;
    pair.confirm_bob().await;
    assert!(pair.alice.contacts().confirmed("bob").await.is_ok());
    pair.relay.forget("bob");
    let gone = pair.alice.contacts().confirmed("bob").await.unwrap_err();
    assert_eq!(gone.code(), Some(ErrorCode::NotFound));
    assert!(gone.to_string().contains("deleted"), "{gone}");
}

#[tokio::test]
async fn candidate_beside_the_one_who_is_confirmed_is_not_listed() {
    let pair = Pair::new().await;
    pair.relay.misbehave(Faults {
        manifest: Some(foreign_manifest()),
        ..Faults::default()
    });
    pair.alice.contacts().look_up("bob").await.unwrap();
    pair.relay.misbehave(Faults::default());
    pair.confirm_bob().await;
    let listed = pair.alice.contacts().list().await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(listed[0].confirmed_at_ms.is_some());
}
