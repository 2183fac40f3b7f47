//! What is left of an account that was deleted: a scan of the whole database.

use super::*;
use sealpost_protocol::chain::Capabilities;
use sealpost_sdk::{ConnectionState, Message, SpaceOptions};

/// Alice, Bob, and a space of each in which the other is.
async fn share_spaces(alice: &Client, bob: &Client) {
    for (owner, guest) in [(alice, bob), (bob, alice)] {
        let space = owner
            .create_space("garden", SpaceOptions::default())
            .await
            .unwrap();
        let contact = owner.contacts().import(&guest.contact_card()).await.unwrap();
        let read_out = guest.fingerprint().to_string();
        let confirmed = owner
            .contacts()
            .confirm(&contact.handle, &read_out)
            .await
            .unwrap();
        space.add_member(&confirmed, Capabilities::WRITE).await.unwrap();
        let guests = guest.space(space.id()).await.unwrap();
        guests.sync().await.unwrap();
    }
}

#[tokio::test]
async fn deleted_account_leaves_no_row_no_id_and_no_index_entry() {
    let database = Database::create().await;
    let relay = Relay::start(open_to_all(&database)).await;
    let devices = Devices::at(relay.addresses().url());
    let (bob, _) = devices.register("bob", None).await.unwrap();
    let (alice, code) = devices.register("alice", None).await.unwrap();
    share_spaces(&alice, &bob).await;
    devices.recover(&code).await.unwrap();
    alice.new_recovery_code(&passphrase(PASSPHRASE)).await.unwrap();

    let account = alice.account();
    let (account_id, principal_id) = (account.account_id, account.principal_id);
    let with_alice = database.scan().await;
    let mut traces = with_alice.values_beside("account_id", account_id.as_bytes());
    traces.extend(with_alice.values_beside("principal_id", principal_id.as_bytes()));
    // Ids, indexes, hashes and sealed values of every table in which an account has rows.
    assert!(traces.len() > 20, "{}", traces.len());
    let seen_in = with_alice.places_of(account_id.as_bytes());
    assert!(seen_in.len() > 4, "{seen_in:?}");
    alice.delete_account(&passphrase(PASSPHRASE)).await.unwrap();

    let after = database.scan().await;
    for trace in traces.iter().filter(|trace| **trace != principal_id.as_bytes()) {
        assert!(after.places_of(trace).is_empty(), "{:?}", after.places_of(trace));
    }
    // Wraps that Alice made for Bob are Bob's keys; they name who made them.
    let staged_by = ("wraps".to_owned(), "staged_by".to_owned());
    assert_eq!(
        Vec::from_iter(after.places_of(principal_id.as_bytes())),
        [staged_by]
    );
    // Of all rows that belong to accounts, Bob's are left, and one note that an account was deleted.
    let mut others = after.rows_without("account_id", bob.account().account_id.as_bytes());
    others.retain(|table, _| seen_in.iter().any(|(seen, _)| seen == table) && *table != "spaces");
    assert_eq!(Vec::from_iter(others), [("audit_log", 1)]);
}

#[tokio::test]
async fn those_who_stay_go_on_in_the_spaces_of_a_deleted_account() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    let (bob, _) = devices.register("bob", None).await.unwrap();
    let (alice, _) = devices.register("alice", None).await.unwrap();
    share_spaces(&alice, &bob).await;
    alice.delete_account(&passphrase(PASSPHRASE)).await.unwrap();
    let spaces = bob.spaces().await.unwrap();
    assert_eq!(spaces.len(), 2);
    for space in spaces {
        let space = bob.space(space.id).await.unwrap();
        space.send(Message::text("still here")).await.unwrap();
    }
}

#[tokio::test]
async fn sockets_of_a_deleted_account_are_closed() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    let (alice, _) = devices.register("alice", None).await.unwrap();
    let second = devices.log_in("alice", PASSPHRASE).await.unwrap();
    let mut connection = second.connection().unwrap();
    let is_open = |state: &ConnectionState| matches!(state, ConnectionState::Connected { .. });
    connection.wait_for(is_open).await.unwrap();
    alice.delete_account(&passphrase(PASSPHRASE)).await.unwrap();
    let is_refused = |state: &ConnectionState| matches!(state, ConnectionState::Stopped { .. });
    connection.wait_for(is_refused).await.unwrap();
}

#[tokio::test]
async fn handle_of_a_deleted_account_makes_nobody_take_the_next_one_for_the_first() {
    let relay = Relay::start(open_to_all(&Database::create().await)).await;
    let devices = Devices::at(relay.addresses().url());
    let (bob, _) = devices.register("bob", None).await.unwrap();
    let (alice, code) = devices.register("alice", None).await.unwrap();
    bob.contacts().look_up("alice").await.unwrap();
    let read_out = alice.fingerprint().to_string();
    bob.contacts().confirm("alice", &read_out).await.unwrap();
    let first = alice.account();
    alice.delete_account(&passphrase(PASSPHRASE)).await.unwrap();
    let (second, _) = devices.register("alice", None).await.unwrap();
    assert_ne!(second.account().account_id, first.account_id);
    assert_ne!(second.account().principal_id, first.principal_id);
    expect_not_authenticated(devices.recover(&code).await);
    let refused = bob.contacts().look_up("alice").await;
    assert!(matches!(refused.err(), Some(Error::Integrity(_))));
}
