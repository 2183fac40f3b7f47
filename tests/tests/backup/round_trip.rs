use std::fs;

use sealpost_protocol::http::Base64Bytes;
use sealpost_relay::backup::{KeepRules, Status, prune};
use sealpost_sdk::{Client, ClientConfig, Message};
use sealpost_tests::relay::Relay;

use crate::people::{Pair, Way, read_from_start};
use crate::scene::{Target, Vault, relay};

async fn checkpoint_key(relay: &Relay) -> Base64Bytes {
    let config = ClientConfig::new(&relay.addresses().url(), "nowhere").unwrap();
    Client::probe(&config).await.unwrap().checkpoint_key
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_relay_lets_people_in_by_passphrase_and_gives_them_everything_under_a_new_incarnation() {
    let (old, config) = relay().await;
    let mut pair = Pair::meet(&Way::to(old.addresses().url())).await;
    for number in 0..20 {
        pair.alices.send(Message::text(number.to_string())).await.unwrap();
    }
    pair.alices.rekey().await.unwrap();
    pair.bobs.send(Message::text("after the rekey")).await.unwrap();
    let vault = Vault::new();
    let created = vault.create(&config, &old).await;
    pair.alices.send(Message::text("after the backup")).await.unwrap();
    let key = checkpoint_key(&old).await;
    let verified = vault.verify(&created.path).await.unwrap();
    assert!(verified.keys_tried && verified.spaces == 1, "{verified:?}");
    old.stop().await;

    let target = Target::new().await;
    let restored = target.restore(&created.path, vault.identities()).await.unwrap();
    assert_ne!(restored.old_incarnation, restored.new_incarnation);
    let new = Relay::start(target.options).await;
    assert_eq!(checkpoint_key(&new).await, key, "clients have pinned it");
    let served = new.parts().directory.incarnation().await.unwrap();
    assert_eq!(hex::encode(served.as_bytes()), restored.new_incarnation);
    for person in [&mut pair.alice, &mut pair.bob] {
        person.way = Way::to(new.addresses().url());
        let client = person.new_device("after the restore").await;
        let space = client.space(pair.alices.id()).await.unwrap();
        let texts = read_from_start(&space, 21).await;
        assert_eq!((texts[0].as_str(), texts[20].as_str()), ("0", "after the rekey"));
        space.send(Message::text("here again")).await.unwrap();
    }
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_seen_in_the_metrics_and_pruned_as_pairs() {
    let (relay, config) = relay().await;
    let vault = Vault::new();
    let first = vault.create(&config, &relay).await;
    let second = vault.create(&config, &relay).await;
    vault.verify(&second.path).await.unwrap();
    let status = Status::read(&vault.backups()).unwrap();
    assert_eq!(status.last_backup.unwrap().id, second.id);
    assert_eq!(status.last_verified.unwrap().id, second.id);

    let rules = KeepRules {
        daily: 7,
        ..KeepRules::default()
    };
    let planned = prune(&vault.backups(), rules, true).unwrap();
    assert!(first.path.exists());
    let done = prune(&vault.backups(), rules, false).unwrap();
    assert_eq!((&done, &done.removed), (&planned, &vec![first.id]));
    assert!(!first.path.exists());
    vault.verify(&second.path).await.unwrap();
    relay.stop().await;

    let folder = vault.backups();
    let target = Target::new().await;
    let options = target
        .options
        .with("SEALPOST__BACKUP__FOLDER", folder.to_str().unwrap());
    let other = Relay::start(options).await;
    let (_, metrics) = other.addresses().ask_ops("/metrics").await;
    for name in [
        "sealpost_backup_age_seconds",
        "sealpost_backup_size_bytes",
        "sealpost_backup_verified_age_seconds",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_backup_show_nothing_without_the_identity() {
    let (relay, config) = relay().await;
    let (_alice, client) =
        crate::people::Person::register("alice-with-a-long-handle", &Way::to(relay.addresses().url())).await;
    let vault = Vault::new();
    let created = vault.create(&config, &relay).await;
    let key_file = fs::read_to_string(config.kms.file.unwrap().path).unwrap();
    let key = key_file
        .lines()
        .find_map(|line| line.strip_prefix("key "))
        .unwrap();
    let principal = client.account().principal_id.to_string();
    for entry in fs::read_dir(&created.path).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        for secret in [key, "alice-with-a-long-handle", &principal, &vault.recipient] {
            let found = content
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
    relay.stop().await;
}
