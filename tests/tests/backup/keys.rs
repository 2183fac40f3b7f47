//! The same where OpenBao holds the keys.

use sealpost_relay::backup::OperatorAccess;
use sealpost_sdk::Message;
use sealpost_tests::{
    database::Database,
    openbao::OwnOpenBao,
    relay::{Relay, RelayOptions},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::people::{Pair, Way, open_to_all, read_from_start};
use crate::scene::{Target, Vault};

/// A relay whose backups are made by who may take snapshots, and nothing else.
fn options(openbao: &OwnOpenBao, database: &Database) -> RelayOptions {
    let folder = openbao.folder();
    let seal_key = std::fs::read(folder.join("seal.key")).unwrap();
    let secret_id_file = folder.join("backup-secret-id");
    open_to_all(RelayOptions::on(database).with_kms(openbao.section()))
        .with("SEALPOST__BACKUP__OPENBAO__ROLE_ID", "backup")
        .with(
            "SEALPOST__BACKUP__OPENBAO__SECRET_ID_FILE",
            secret_id_file.to_str().unwrap(),
        )
        .with("SEALPOST__BACKUP__SEAL_KEY_ID", "embedded-1")
        .with(
            "SEALPOST__BACKUP__SEAL_KEY_SHA256",
            &hex::encode(Sha256::digest(seal_key)),
        )
}

async fn target(openbao: &OwnOpenBao) -> Target {
    let database = Database::empty().await;
    Target {
        options: open_to_all(RelayOptions::on(&database).with_kms(openbao.section())),
        database,
        operator: Some(OperatorAccess::TokenFile(openbao.token_file().await)),
        seal_key_file: Some(openbao.folder().join("seal.key")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn database_and_openbao_come_back_as_a_pair_and_another_seal_key_is_refused() {
    let bao = OwnOpenBao::start().await;
    let options = options(&bao, &Database::create().await);
    let config = options.config();
    let old = Relay::start(options).await;
    let mut pair = Pair::meet(&Way::to(old.addresses().url())).await;
    pair.alices
        .send(Message::text("before a rotation"))
        .await
        .unwrap();
    bao.operator()
        .await
        .order("transit/keys/relay-atrest/rotate", json!({}))
        .await;
    let vault = Vault::new();
    let created = vault.create(&config, &old).await;
    let verified = vault.verify(&created.path).await.unwrap();
    assert!(!verified.keys_tried && verified.spaces == 1, "{verified:?}");
    old.stop().await;

    // Another OpenBao, with a seal key of its own.
    let stranger = OwnOpenBao::start().await;
    let wrong = target(&stranger).await;
    let refused = wrong
        .restore(&created.path, vault.identities())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("wrong seal key: the backup needs the seal key `embedded-1`"),
        "{refused}"
    );
    let silent = Target {
        seal_key_file: None,
        ..wrong
    };
    let refused = silent
        .restore(&created.path, vault.identities())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("--seal-key FILE"), "{refused}");
    // Somebody who claims to have the right one is found out by OpenBao itself.
    let claimed = Target {
        seal_key_file: Some(bao.folder().join("seal.key")),
        ..silent
    };
    let refused = claimed
        .restore(&created.path, vault.identities())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("it refused the snapshot"), "{refused}");
    assert!(!claimed.dump().contains("CREATE TABLE"));
    // A key file is no OpenBao.
    let file = Target::new().await;
    let refused = file
        .restore(&created.path, vault.identities())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("kms.kind openbao, the target is configured for file"),
        "{refused}"
    );

    let fresh = OwnOpenBao::start_with_secrets_of(&bao).await;
    let target = target(&fresh).await;
    target.restore(&created.path, vault.identities()).await.unwrap();
    let new = Relay::start(target.options).await;
    pair.bob.way = Way::to(new.addresses().url());
    let client = pair.bob.new_device("after the restore").await;
    let space = client.space(pair.alices.id()).await.unwrap();
    assert_eq!(read_from_start(&space, 1).await, ["before a rotation"]);
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_with_secret_ids_of_its_own_is_let_in_by_the_restored_openbao() {
    let bao = OwnOpenBao::start().await;
    let lost = options(&bao, &Database::create().await);
    let config = lost.config();
    let old = Relay::start(lost).await;
    let mut pair = Pair::meet(&Way::to(old.addresses().url())).await;
    pair.alices
        .send(Message::text("before the host was lost"))
        .await
        .unwrap();
    let vault = Vault::new();
    let created = vault.create(&config, &old).await;
    old.stop().await;

    // What was kept elsewhere is the seal key and the operator's password; everything else is new.
    let fresh = OwnOpenBao::start_on_another_host(&bao).await;
    let database = Database::empty().await;
    let target = Target {
        options: options(&fresh, &database),
        database,
        operator: Some(OperatorAccess::PasswordFile(
            fresh.folder().join("operator-password"),
        )),
        seal_key_file: Some(fresh.folder().join("seal.key")),
    };
    let config = target.options.config();
    target.restore(&created.path, vault.identities()).await.unwrap();
    let new = Relay::start(target.options).await;
    pair.bob.way = Way::to(new.addresses().url());
    let client = pair.bob.new_device("after the restore").await;
    let space = client.space(pair.alices.id()).await.unwrap();
    assert_eq!(read_from_start(&space, 1).await, ["before the host was lost"]);
    // The backup job of this host is let in as well.
    let second = vault.create(&config, &new).await;
    vault.verify(&second.path).await.unwrap();
    new.stop().await;
}
