//! Links, with nobody online but who joins.

use std::sync::Arc;

use sealpost_protocol::code::ErrorCode;
use sealpost_sdk::clock::Clock;
use sealpost_sdk::{Client, Error, InviteLink, InviteOptions, Joined, Message, Space, SpaceOptions};
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};

use crate::people::{Person, Way, open_to_all, read_from_start};

/// Alice's space with one message, a link to it, and Bob who has the link. Alice is offline.
struct Invited {
    relay: Relay,
    alice: Person,
    _bob: Person,
    bobs_client: Client,
    link: InviteLink,
}

impl Invited {
    async fn by(options: InviteOptions, share_history: bool) -> Self {
        let relay = Relay::start(open_to_all(RelayOptions::on(&Database::create().await))).await;
        let way = Way::to(relay.addresses().url());
        let (alice, alices_client) = Person::register("alice", &way).await;
        let (bob, bobs_client) = Person::register("bob", &way).await;
        let made = SpaceOptions {
            share_history,
            ..SpaceOptions::default()
        };
        let space = alices_client.create_space("garden", made).await.unwrap();
        space.send(Message::text("before Bob")).await.unwrap();
        let link = space.create_invite(options).await.unwrap();
        Self {
            relay,
            alice,
            _bob: bob,
            bobs_client,
            link,
        }
    }

    async fn alices(&self) -> Space {
        let client = self.alice.restarted().await;
        client.space(self.link.space_id()).await.unwrap()
    }

    async fn join(&self) -> Result<Joined, Error> {
        self.bobs_client.join(&self.link).await
    }

    async fn refused(&self) -> ErrorCode {
        match self.join().await {
            Ok(_) => panic!("nobody should have been let in"),
            Err(error) => error.code().unwrap_or_else(|| panic!("{error}")),
        }
    }
}

fn member(joined: Result<Joined, Error>) -> Space {
    match joined {
        Ok(Joined::Member(space)) => space,
        Ok(Joined::Waiting(_)) => panic!("it waits"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn newcomer_joins_by_link_while_all_members_are_offline() {
    let invited = Invited::by(InviteOptions::default(), true).await;
    let space = member(invited.join().await);
    assert_eq!(read_from_start(&space, 1).await, ["before Bob"]);
    space.send(Message::text("here I am")).await.unwrap();
    assert_eq!(
        read_from_start(&invited.alices().await, 2).await,
        ["before Bob", "here I am"]
    );
    invited.relay.stop().await;
}

#[tokio::test]
async fn link_that_was_used_up_or_revoked_or_ended_by_a_removal_lets_nobody_in() {
    let way = |invited: &Invited| Way::to(invited.relay.addresses().url());
    let used_up = Invited::by(InviteOptions::default(), true).await;
    let (_carol, carols_client) = Person::register("carol", &way(&used_up)).await;
    member(carols_client.join(&used_up.link).await);
    assert_eq!(used_up.refused().await, ErrorCode::InviteVoid);

    let revoked = Invited::by(InviteOptions::default(), true).await;
    let alices = revoked.alices().await;
    let key = alices.invites().await.unwrap()[0].key;
    alices.revoke_invite(key).await.unwrap();
    assert_eq!(revoked.refused().await, ErrorCode::InviteVoid);

    let twice = InviteOptions {
        uses: 2,
        ..InviteOptions::default()
    };
    let voided = Invited::by(twice, true).await;
    let (_carol, carols_client) = Person::register("carol", &way(&voided)).await;
    member(carols_client.join(&voided.link).await);
    let carol = carols_client.account().principal_id;
    voided.alices().await.remove_member(carol).await.unwrap();
    assert_eq!(voided.refused().await, ErrorCode::InviteVoid);
}

/// What a clock said long ago.
#[derive(Debug)]
struct LongAgo;

impl Clock for LongAgo {
    fn unix_ms(&self) -> u64 {
        1_000_000_000_000
    }
}

#[tokio::test]
async fn link_after_its_time_lets_nobody_in_and_is_closed_by_a_rekey() {
    let mut invited = Invited::by(InviteOptions::default(), true).await;
    let client = invited
        .alice
        .restarted_with(|config| config.clock = Arc::new(LongAgo))
        .await;
    let space = client.space(invited.link.space_id()).await.unwrap();
    invited.link = space.create_invite(InviteOptions::default()).await.unwrap();
    assert_eq!(invited.refused().await, ErrorCode::InviteExpired);
    let alices = invited.alices().await;
    alices.sync().await.unwrap();
    assert_eq!(alices.invites().await.unwrap().len(), 2);
    alices.rekey().await.unwrap();
    assert_eq!(
        alices.invites().await.unwrap().len(),
        1,
        "the other gets no new key"
    );
    invited.relay.stop().await;
}

#[tokio::test]
async fn newcomer_to_a_space_without_history_gets_a_key_from_the_next_member_online() {
    let invited = Invited::by(InviteOptions::default(), false).await;
    let bobs = member(invited.join().await);
    // Alice's device is all that is needed: it rekeys by itself. So may Bob's, who writes.
    let alices = invited.alices().await;
    alices.send(Message::text("after Bob")).await.unwrap();
    assert_eq!(read_from_start(&bobs, 1).await, ["after Bob"]);
    invited.relay.stop().await;
}

#[tokio::test]
async fn who_needs_approval_is_no_member_before_it() {
    let approval = InviteOptions {
        needs_approval: true,
        ..InviteOptions::default()
    };
    let invited = Invited::by(approval, true).await;
    assert!(matches!(invited.join().await, Ok(Joined::Waiting(_))));
    let alices = invited.alices().await;
    alices.sync().await.unwrap();
    assert_eq!(alices.members().await.unwrap().len(), 1);
    let applicant = alices.applicants().await.unwrap()[0].manifest.id();
    assert_eq!(applicant, invited.bobs_client.account().principal_id);
    alices.approve(applicant).await.unwrap();
    let bobs = invited.bobs_client.space(alices.id()).await.unwrap();
    assert_eq!(read_from_start(&bobs, 1).await, ["before Bob"]);
    invited.relay.stop().await;
}
