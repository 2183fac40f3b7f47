//! What clients bring back that a backup did not have.

use std::sync::Arc;

use sealpost_protocol::chain::Capabilities;
use sealpost_protocol::code::ErrorCode;
use sealpost_protocol::root::Cursor;
use sealpost_relay::config::Config;
use sealpost_sdk::blob::{BlobReference, REFERENCE_TYPE};
use sealpost_sdk::{Error, Message, Position, PutOptions, Space, SpaceOptions};
use sealpost_tests::{
    database::Database,
    proxy::{FaultProxy, Upstream},
    relay::{Relay, RelayOptions},
    transfers::{Server, Store},
};
use sqlx::{Connection as _, PgConnection};

use crate::people::{Pair, Person, Way, confirm, open_to_all, read, read_from_start};
use crate::scene::{Target, Vault};

/// A relay that is lost and restored behind one address.
pub struct Stage {
    proxy: FaultProxy,
    pub way: Way,
}

impl Stage {
    pub async fn new() -> Self {
        let proxy = FaultProxy::start().await;
        let way = Way::to(format!("http://{}", proxy.address()));
        Self { proxy, way }
    }

    pub async fn serve(&self, options: RelayOptions) -> Relay {
        let relay = Box::pin(Relay::start(options.behind(self.proxy.address()))).await;
        self.proxy.lead_to(Upstream::Tcp(relay.addresses().public));
        relay
    }

    /// Loses the relay and serves what its last backup had.
    pub async fn restore(&self, old: Relay, vault: &Vault, backup: &std::path::Path) -> Relay {
        self.restore_to(Target::new().await, old, vault, backup).await
    }

    async fn restore_to(&self, target: Target, old: Relay, vault: &Vault, backup: &std::path::Path) -> Relay {
        old.stop().await;
        target.restore(backup, vault.identities()).await.unwrap();
        self.serve(target.options).await
    }
}

pub async fn say(space: &Space, text: &str) {
    space.send(Message::text(text)).await.unwrap();
}

/// Reads up to the relay's head, over a connection that has to be made again.
pub async fn synced(space: &Space) -> Cursor {
    loop {
        match space.sync().await {
            Ok(at) => return at,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
}

/// Why a space is read no more.
pub async fn told(space: &Space) -> Error {
    loop {
        match space.sync().await {
            Ok(at) => panic!("it is read, up to {at:?}"),
            Err(error) if error.is_transient() => {}
            Err(error) => return error,
        }
    }
}

pub async fn options() -> (RelayOptions, Config) {
    let options = open_to_all(RelayOptions::on(&Database::create().await));
    let config = options.config();
    (options, config)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_that_was_acked_after_the_backup_is_lost_while_a_client_holds_it() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    let (carol, carols_client) = Person::register("carol", &stage.way).await;
    let confirmed = confirm(&pair.alices_client, &carols_client).await;
    say(&pair.alices, "in the backup").await;
    let created = vault.create(&config, &old).await;

    pair.alices
        .add_member(&confirmed, Capabilities::WRITE)
        .await
        .unwrap();
    let carols = carols_client.space(pair.alices.id()).await.unwrap();
    for number in 0..40 {
        for space in [&pair.alices, &pair.bobs, &carols] {
            say(space, &number.to_string()).await;
        }
    }
    let bob = pair.bobs_client.account().principal_id;
    pair.alices.remove_member(bob).await.unwrap();
    say(&carols, "without bob").await;
    let held = synced(&carols).await;
    drop((pair.alices, pair.bobs));

    let new = stage.restore(old, &vault, &created.path).await;
    assert_eq!(
        synced(&carols).await,
        held,
        "in its old place, under its old root"
    );
    let evidence = carols.evidence().await.unwrap();
    assert!(
        evidence
            .iter()
            .any(|kept| kept.alarm.what.contains("brought back"))
    );
    let (_, metrics) = new.addresses().ask_ops("/metrics").await;
    let counted = metrics
        .lines()
        .find(|line| line.contains("log_healed_entries_total "));
    assert!(counted.is_some_and(|line| !line.ends_with(" 0")), "{counted:?}");
    let alices = pair.alices_client.space(carols.id()).await.unwrap();
    assert_eq!(synced(&alices).await, held);
    let texts = read_from_start(&alices, 122).await;
    assert_eq!(
        (texts[0].as_str(), texts[121].as_str()),
        ("in the backup", "without bob")
    );
    let bobs = pair.bobs_client.space(carols.id()).await.unwrap();
    let refused = told(&bobs).await;
    assert_eq!(refused.code(), Some(ErrorCode::NotAMember), "{refused}");
    // Who has nothing but the relay's copy finds it whole, and the wraps that are gone are made again.
    let fresh = carol.new_device("after the restore").await;
    let fresh = fresh.space(carols.id()).await.unwrap();
    say(&alices, "and on").await;
    while !fresh.has_key().await.unwrap() {
        fresh.sync().await.unwrap();
    }
    assert_eq!(read_from_start(&fresh, 123).await[122], "and on");
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_the_backup_did_not_have_comes_back_whole() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let (_alice, client) = Person::register("alice", &stage.way).await;
    let created = vault.create(&config, &old).await;
    let space = client
        .create_space("late", SpaceOptions::default())
        .await
        .unwrap();
    for number in 0..5 {
        say(&space, &number.to_string()).await;
    }
    let held = synced(&space).await;
    let new = stage.restore(old, &vault, &created.path).await;
    assert_eq!(synced(&space).await, held);
    say(&space, "and on").await;
    assert_eq!(read_from_start(&space, 6).await[5], "and on");
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_tail_was_superseded_stops_and_keeps_what_it_read() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    say(&pair.alices, "in the backup").await;
    let created = vault.create(&config, &old).await;
    let mut bobs = pair.bobs.subscribe(Position::START);
    assert_eq!(read(&mut bobs, 1).await, ["in the backup"]);
    drop((bobs, pair.bobs, pair.bobs_client));
    say(&pair.alices, "lost").await;
    synced(&pair.alices).await;
    let garden = pair.alices.id();
    drop((pair.alices, pair.alices_client));

    let new = stage.restore(old, &vault, &created.path).await;
    let bobs = pair.bob.restarted().await.space(garden).await.unwrap();
    say(&bobs, "instead").await;
    for _restart in 0..2 {
        let client = pair.alice.restarted().await;
        let alices = client.space(garden).await.unwrap();
        let stopped = told(&alices).await;
        assert_eq!(stopped.code(), Some(ErrorCode::Superseded), "{stopped}");
        assert_eq!(read_from_start(&alices, 2).await, ["in the backup", "lost"]);
        let sent = alices.send(Message::text("into which?")).await;
        assert!(matches!(sent, Err(Error::Refused(_))), "{sent:?}");
        let evidence = alices.evidence().await.unwrap();
        assert!(
            evidence
                .iter()
                .any(|kept| kept.alarm.what.contains("went on without"))
        );
    }
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_acked_after_the_backup_comes_back_with_a_client_that_saw_it() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    say(&pair.alices, "in the backup").await;
    assert_eq!(read_from_start(&pair.bobs, 1).await, ["in the backup"]);
    let created = vault.create(&config, &old).await;
    let garden = pair.alices.id();
    let bob = pair.bobs_client.account().principal_id;
    drop((pair.bobs, pair.bobs_client));
    pair.alices.remove_member(bob).await.unwrap();
    say(&pair.alices, "without bob").await;
    let held = synced(&pair.alices).await;
    drop((pair.alices, pair.alices_client));

    let new = stage.restore(old, &vault, &created.path).await;
    let bobs_client = pair.bob.restarted().await;
    let bobs = bobs_client.space(garden).await.unwrap();
    assert!(
        synced(&bobs).await.seq < held.seq,
        "the backup has him as a member"
    );
    let alices_client = pair.alice.restarted().await;
    let alices = alices_client.space(garden).await.unwrap();
    assert_eq!(synced(&alices).await, held);
    let refused = told(&bobs).await;
    assert_eq!(refused.code(), Some(ErrorCode::NotAMember), "{refused}");
    let sent = bobs.send(Message::text("still here?")).await;
    assert!(matches!(sent, Err(Error::Refused(_))), "{sent:?}");
    assert_eq!(read_from_start(&bobs, 1).await, ["in the backup"]);
    say(&alices, "and on").await;
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_after_the_backup_is_held_by_who_read_of_it_before_anybody_wrote_under_it() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    say(&pair.alices, "in the backup").await;
    let created = vault.create(&config, &old).await;
    pair.alices.rekey().await.unwrap();
    let held = synced(&pair.bobs).await;
    // Who made the key is not there to wrap it again.
    drop((pair.alices, pair.alices_client));

    let new = stage.restore(old, &vault, &created.path).await;
    assert_eq!(synced(&pair.bobs).await, held);
    say(&pair.bobs, "under the new key").await;
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_restore_lost_comes_to_a_new_device_from_an_old_one_of_its_account() {
    let (stage, vault, (options, config)) = (Stage::new().await, Vault::new(), options().await);
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    say(&pair.alices, "in the backup").await;
    let created = vault.create(&config, &old).await;
    // Nobody else reads of the new key before the relay is lost.
    drop((pair.bobs, pair.bobs_client));
    pair.alices.rekey().await.unwrap();

    let new = stage.restore(old, &vault, &created.path).await;
    synced(&pair.alices).await;
    let fresh = pair.alice.new_device("after the restore").await;
    let fresh = fresh.space(pair.alices.id()).await.unwrap();
    while !fresh.has_key().await.unwrap() {
        fresh.sync().await.unwrap();
    }
    say(&fresh, "under the key of after the backup").await;
    new.stop().await;
}

fn with_storage(options: RelayOptions, store: &Store) -> RelayOptions {
    store.for_relay(options, store.address(), store.address())
}

/// Which event a file is kept for, as the relay knows.
async fn reference_seq(database: &str) -> Option<i64> {
    let mut database = PgConnection::connect(database).await.unwrap();
    sqlx::query_scalar("SELECT reference_seq FROM blobs")
        .fetch_one(&mut database)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healed_tail_keeps_its_files_and_names_those_that_are_lost() {
    let objects = tempfile::tempdir().unwrap();
    let store = Server::chosen().start(objects.path()).await;
    let (stage, vault, (options, _)) = (Stage::new().await, Vault::new(), options().await);
    let options = with_storage(options, &store);
    let config = options.config();
    let old = stage.serve(options).await;
    let pair = Pair::meet(&stage.way).await;
    let put = pair.alices.put_blob(&b"kept"[..], PutOptions::default());
    let kept: BlobReference = put.await.unwrap().reference;
    let created = vault.create(&config, &old).await;
    let again = Message::new(REFERENCE_TYPE, kept.encode().unwrap());
    let again = pair.bobs.send(again).await.unwrap();
    let put = pair.alices.put_blob(&b"lost"[..], PutOptions::default());
    let lost = put.await.unwrap().reference;
    let held = synced(&pair.bobs).await;
    drop((pair.alices, pair.alices_client));

    let target = Target::new().await;
    let target = Target {
        options: with_storage(target.options, &store),
        ..target
    };
    let restored = target.database.url().to_owned();
    let new = stage.restore_to(target, old, &vault, &created.path).await;
    assert_eq!(synced(&pair.bobs).await, held);
    assert_eq!(reference_seq(&restored).await, i64::try_from(again.seq).ok());
    let mut got = Vec::new();
    pair.bobs
        .get_blob(&kept, &mut got, Arc::new(|_| ()))
        .await
        .unwrap();
    assert_eq!(got, b"kept");
    // Nobody but the relay knew under which name its object lies.
    let refused = pair.bobs.get_blob(&lost, &mut got, Arc::new(|_| ())).await;
    assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::NotFound));
    let evidence = pair.bobs.evidence().await.unwrap();
    let told = evidence
        .iter()
        .any(|kept| kept.alarm.what.contains("nothing of 1 file(s)"));
    assert!(told, "{evidence:?}");
    new.stop().await;
}
