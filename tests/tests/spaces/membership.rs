use futures_util::StreamExt;
use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_sdk::{Error, Message, Position, Space, SpaceOptions};
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};

use crate::people::{Pair, Person, Way, add, confirm, open_to_all, read, read_from_start};

async fn relay() -> Relay {
    Relay::start(open_to_all(RelayOptions::on(&Database::create().await))).await
}

/// Alice and Bob, and Carol who came later.
async fn trio(way: &Way) -> (Pair, Person, Space) {
    let pair = Pair::meet(way).await;
    let (carol, carols_client) = Person::register("carol", way).await;
    add(&pair.alices, &pair.alices_client, &carols_client).await;
    let carols = carols_client.space(pair.alices.id()).await.unwrap();
    (pair, carol, carols)
}

#[tokio::test]
async fn removed_member_reads_nothing_newer_and_those_who_stay_go_on() {
    let relay = relay().await;
    let (pair, _carol, carols) = trio(&Way::to(relay.addresses().url())).await;
    pair.alices.send(Message::text("all three")).await.unwrap();
    let mut at_bob = pair.bobs.subscribe(Position::START);
    assert_eq!(read(&mut at_bob, 1).await, ["all three"]);
    let bob = pair.bobs_client.account().principal_id;
    pair.alices.remove_member(bob).await.unwrap();
    carols.send(Message::text("without Bob")).await.unwrap();
    assert_eq!(
        read_from_start(&pair.alices, 2).await,
        ["all three", "without Bob"]
    );
    assert_eq!(pair.alices.epoch().await.unwrap(), 2);

    let end = at_bob.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), Some(ErrorCode::NotAMember));
    assert!(end.to_string().contains("no longer a member"), "{end}");
    let refused = pair.bobs.send(Message::text("x")).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotAMember));
    assert_eq!(read_from_start(&pair.bobs, 1).await, ["all three"]);
    relay.stop().await;
}

#[tokio::test]
async fn who_stays_rekeys_when_somebody_leaves_and_writes_on_by_itself() {
    let relay = relay().await;
    let (pair, _carol, carols) = trio(&Way::to(relay.addresses().url())).await;
    pair.bobs.leave().await.unwrap();
    // Neither of them is told to rekey; one of them does it, and the messages wait for it.
    let (one, two) = tokio::join!(
        pair.alices.send(Message::text("from Alice")),
        carols.send(Message::text("from Carol"))
    );
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(carols.epoch().await.unwrap(), 2);
    assert_eq!(carols.members().await.unwrap().len(), 2);
    relay.stop().await;
}

#[tokio::test]
async fn two_managers_who_remove_the_same_member_at_once_both_get_their_way() {
    let relay = relay().await;
    let (pair, _carol, carols) = trio(&Way::to(relay.addresses().url())).await;
    let carol = carols_id(&pair, &carols).await;
    pair.alices
        .set_capabilities(carol, Capabilities::ALL)
        .await
        .unwrap();
    let bob = pair.bobs_client.account().principal_id;
    let (one, two) = tokio::join!(pair.alices.remove_member(bob), carols.remove_member(bob));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(pair.alices.members().await.unwrap().len(), 2);
    let epochs = (pair.alices.epoch().await.unwrap(), carols.epoch().await.unwrap());
    assert_eq!(epochs, (2, 2), "one removal, one rekey");
    relay.stop().await;
}

/// Who is neither Alice nor Bob.
async fn carols_id(pair: &Pair, carols: &Space) -> sealpost_protocol::ids::PrincipalId {
    let others = [
        pair.alices_client.account().principal_id,
        pair.bobs_client.account().principal_id,
    ];
    carols.sync().await.unwrap();
    let members = carols.members().await.unwrap();
    let mut ids = members.iter().map(|member| member.manifest.id());
    ids.find(|id| !others.contains(id)).unwrap()
}

#[tokio::test]
async fn who_was_removed_can_be_added_again_and_reads_what_was_missed() {
    let relay = relay().await;
    let pair = Pair::meet(&Way::to(relay.addresses().url())).await;
    pair.bobs.sync().await.unwrap();
    let bob = pair.bobs_client.account().principal_id;
    pair.alices.remove_member(bob).await.unwrap();
    pair.alices
        .send(Message::text("while Bob was out"))
        .await
        .unwrap();
    let id = pair.bobs.id();
    let error = pair.bobs.sync().await;
    assert!(matches!(error, Err(Error::Refused(_))), "{error:?}");
    drop(pair.bobs);
    add(&pair.alices, &pair.alices_client, &pair.bobs_client).await;
    let again = pair.bobs_client.space(id).await.unwrap();
    assert_eq!(read_from_start(&again, 1).await, ["while Bob was out"]);
    relay.stop().await;
}

#[tokio::test]
async fn new_keys_of_a_person_take_the_place_of_the_old_ones_in_one_batch() {
    let relay = relay().await;
    let way = Way::to(relay.addresses().url());
    for (share_history, read) in [(true, vec!["before", "after"]), (false, vec!["after"])] {
        let options = SpaceOptions {
            share_history,
            ..SpaceOptions::default()
        };
        let handles = [["alice", "bob", "bob-again"], ["ann", "ben", "ben-again"]];
        let handles = handles[usize::from(share_history)];
        let pair = Pair::of([handles[0], handles[1]], [&way, &way], options).await;
        pair.alices.send(Message::text("before")).await.unwrap();
        let (_home, again) = Person::register(handles[2], &way).await;
        let confirmed = confirm(&pair.alices_client, &again).await;
        let (old, epoch) = (
            pair.bobs_client.account().principal_id,
            pair.alices.epoch().await.unwrap(),
        );
        pair.alices.replace_member(old, &confirmed).await.unwrap();
        assert_eq!(pair.alices.epoch().await.unwrap(), epoch + 1, "one rekey");
        pair.alices.send(Message::text("after")).await.unwrap();

        let members = pair.alices.members().await.unwrap();
        assert!(members.len() == 2 && members.iter().all(|member| member.manifest.id() != old));
        let space = again.space(pair.alices.id()).await.unwrap();
        assert_eq!(read_from_start(&space, read.len()).await, read);
        space.send(Message::text("as before")).await.unwrap();
        let refused = pair.bobs.send(Message::text("x")).await.unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::NotAMember));
    }
    relay.stop().await;
}
