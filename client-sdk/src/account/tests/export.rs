//! An account in a file.

use super::*;
use sealpost_protocol::ids::SpaceId;

const FILE_PASSPHRASE: &str = "words for the drawer";

/// Alice, who knows Bob and a space, and her export.
async fn exported(relay: &TestRelay) -> (Client, Vec<u8>) {
    let (alice, _) = Home::new(relay).register("alice").await;
    let (bob, _) = Home::new(relay).register("bob").await;
    alice.contacts().import(&bob.contact_card()).await.unwrap();
    let read_out = bob.fingerprint().to_string();
    alice.contacts().confirm("bob", &read_out).await.unwrap();
    alice.name_space(SpaceId::new([7; 32]), "garden").await.unwrap();
    let file = alice.export(&passphrase(FILE_PASSPHRASE)).await.unwrap();
    (alice, file)
}

#[tokio::test]
async fn export_opens_with_its_passphrase_and_says_what_it_holds() {
    let relay = TestRelay::start().await;
    let (alice, file) = exported(&relay).await;
    let summary = Client::inspect_export(file.clone(), &passphrase(FILE_PASSPHRASE))
        .await
        .unwrap();
    assert_eq!(summary.principal_id, alice.account().principal_id);
    assert_eq!(
        (summary.handle.as_str(), summary.spaces, summary.contacts),
        ("alice", 1, 1)
    );
    for wrong in [
        Client::inspect_export(file.clone(), &passphrase(PASSPHRASE)).await,
        Client::inspect_export(file[..file.len() - 1].to_vec(), &passphrase(FILE_PASSPHRASE)).await,
        Client::inspect_export(b"a shopping list".to_vec(), &passphrase(FILE_PASSPHRASE)).await,
    ] {
        assert!(matches!(wrong.err(), Some(Error::Usage(_))));
    }
}

#[tokio::test]
async fn imported_account_has_the_identity_the_spaces_and_the_contacts_at_another_relay() {
    let (relay, other_relay) = (TestRelay::start().await, TestRelay::start().await);
    let (alice, file) = exported(&relay).await;
    relay.stop();
    let home = Home::new(&other_relay);
    let (words, of_file) = (
        passphrase("a horse of another relay"),
        passphrase(FILE_PASSPHRASE),
    );
    let importing = Client::prepare_import(home.config(), "alice2", &words, None, file, &of_file);
    let prepared = Box::pin(importing).await.unwrap();
    let code = prepared.recovery_code().share();
    let imported = prepared.commit().await.unwrap();
    assert_eq!(imported.account().principal_id, alice.account().principal_id);
    let known = imported.contacts().list().await.unwrap();
    assert_eq!((known.len(), &known[0].handle[..]), (1, "bob"));
    assert!(known[0].confirmed_at_ms.is_some());
    let content = imported.shared().local_account().await.unwrap().content;
    assert_eq!(content.spaces[&SpaceId::new([7; 32])].name, "garden");
    Home::new(&other_relay).recover(&code).await.unwrap();
    Home::new(&other_relay)
        .log_in("alice2", "a horse of another relay")
        .await
        .unwrap();
}

#[tokio::test]
async fn imported_account_keeps_its_device_secret_and_shows_it() {
    let (relay, other_relay) = (TestRelay::start().await, TestRelay::start().await);
    let (alice, _) = Home::new(&relay).register("alice").await;
    let secret = alice.enable_device_secret(&passphrase(PASSPHRASE)).await.unwrap();
    let file = alice.export(&passphrase(FILE_PASSPHRASE)).await.unwrap();
    let (home, words) = (Home::new(&other_relay), passphrase(PASSPHRASE));
    let of_file = passphrase(FILE_PASSPHRASE);
    let importing = Client::prepare_import(home.config(), "alice", &words, None, file, &of_file);
    let prepared = Box::pin(importing).await.unwrap();
    let shown = prepared.device_secret().unwrap().expose_text();
    assert_eq!(*shown, *secret.expose_text());
    prepared.commit().await.unwrap();
    let without = Home::new(&other_relay).log_in("alice", PASSPHRASE).await;
    assert!(matches!(without, Err(Error::NotAuthenticated(_))));
    let device = Home::new(&other_relay).config();
    Client::login_with_device_secret(device, "alice", &words, Some(&secret))
        .await
        .unwrap();
}

#[tokio::test]
async fn export_is_made_without_a_connection_too() {
    let relay = TestRelay::start().await;
    let (alice, _) = Home::new(&relay).register("alice").await;
    relay.stop();
    let file = alice.export(&passphrase(FILE_PASSPHRASE)).await.unwrap();
    Client::inspect_export(file, &passphrase(FILE_PASSPHRASE))
        .await
        .unwrap();
}
