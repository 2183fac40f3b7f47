//! Who left or was removed comes back by a fresh link.

use futures_util::StreamExt;
use sealpost_protocol::code::ErrorCode;
use sealpost_sdk::{Client, InviteOptions, Joined, Message, Position, Space};
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};

use crate::people::{Pair, Way, open_to_all, read, read_from_start};

/// Does not fit into a page with anything else.
const LARGE: usize = 60_000;
const MISSED: usize = 4;

async fn told_to_go(space: &Space) {
    let mut messages = space.subscribe(Position::after_event(space.verified().seq));
    let end = messages.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), Some(ErrorCode::NotAMember), "{end}");
}

async fn rejoined(client: &Client, alices: &Space) -> Space {
    let link = alices.create_invite(InviteOptions::default()).await.unwrap();
    match client.join(&link).await {
        Ok(Joined::Member(space)) => space,
        Ok(Joined::Waiting(_)) => panic!("it waits"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn member_who_comes_back_reads_all_that_was_missed_on_every_device() {
    let relay = Relay::start(open_to_all(RelayOptions::on(&Database::create().await))).await;
    let pair = Pair::meet(&Way::to(relay.addresses().url())).await;
    let second = pair.bob.new_device("second").await;
    let mut seconds = second.space(pair.alices.id()).await.unwrap();
    let mut said = vec!["hello".to_owned()];
    pair.alices.send(Message::text(&said[0])).await.unwrap();
    let mut bobs = pair.bobs.clone();
    for (round, is_removed) in [false, true].into_iter().enumerate() {
        for space in [&bobs, &seconds] {
            assert_eq!(read_from_start(space, said.len()).await, said);
        }
        match is_removed {
            true => {
                let bob = pair.bobs_client.account().principal_id;
                pair.alices.remove_member(bob).await.unwrap();
            }
            false => bobs.leave().await.unwrap(),
        }
        told_to_go(&bobs).await;
        told_to_go(&seconds).await;
        for number in 0..MISSED {
            let text = format!("{round}.{number} {}", "x".repeat(LARGE));
            pair.alices.send(Message::text(&text)).await.unwrap();
            said.push(text);
        }
        bobs = rejoined(&pair.bobs_client, &pair.alices).await;
        let text = format!("back for the {round}. time");
        bobs.send(Message::text(&text)).await.unwrap();
        said.push(text);
        // The other device has heard nothing of it but that it may ask again.
        let again = second.space(bobs.id()).await.unwrap();
        let mut messages = again.subscribe(Position::START);
        assert_eq!(read(&mut messages, said.len()).await, said);
        seconds = again;
    }
    assert!(bobs.evidence().await.unwrap().is_empty());
    relay.stop().await;
}
