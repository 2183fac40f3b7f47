//! Every wrong pair is refused by its name, and the target stays as it was.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use sealpost_relay::{
    atrest::KeyFile,
    backup::{Identities, Identity, Label, Progress, Silent, authenticity, manifest, names},
    entropy::SystemEntropy,
};
use sealpost_sdk::Message;
use sealpost_tests::{
    database::Database,
    relay::{Relay, RelayOptions},
};

use crate::people::{Pair, Way, open_to_all};
use crate::scene::{Target, Vault, copy, relay};

/// Three backups of one deployment and one of another, all for one identity.
struct Scene {
    vault: Vault,
    older: PathBuf,
    backup: PathBuf,
    newer: PathBuf,
    other: PathBuf,
    later_schema: PathBuf,
}

impl Scene {
    async fn new() -> Self {
        let vault = Vault::new();
        let database = Database::create().await;
        let options = open_to_all(RelayOptions::on(&database));
        let config = options.config();
        let first = Box::pin(Relay::start(options)).await;
        let pair = Box::pin(Pair::meet(&Way::to(first.addresses().url()))).await;
        let mut made = Vec::new();
        for _ in 0..3 {
            pair.alices.send(Message::text("hello")).await.unwrap();
            made.push(vault.create(&config, &first).await.path);
        }
        let later =
            "INSERT INTO refinery_schema_history VALUES (9999, 'future', '2030-01-01T00:00:00Z', '1')";
        sqlx::raw_sql(later)
            .execute(&mut database.connect().await)
            .await
            .unwrap();
        let later_schema = vault.create(&config, &first).await.path;
        first.stop().await;
        let (second, config) = relay().await;
        let other = vault.create(&config, &second).await.path;
        second.stop().await;
        made.sort();
        let [older, backup, newer] = made.try_into().unwrap();
        Self {
            vault,
            older,
            backup,
            newer,
            other,
            later_schema,
        }
    }

    /// A copy of the backup in which some files are those of another.
    fn mixed(&self, name: &str, files: &[&str], of: &Path) -> PathBuf {
        let mixed = copy(&self.backup, &self.vault.beside(name));
        for file in files {
            fs::copy(of.join(file), mixed.join(file)).unwrap();
        }
        mixed
    }

    /// A copy of the backup in which one file was changed.
    fn spoiled(&self, name: &str, file: &str, spoil: impl FnOnce(Vec<u8>) -> Vec<u8>) -> PathBuf {
        let spoiled = copy(&self.backup, &self.vault.beside(name));
        let path = spoiled.join(file);
        let content = spoil(fs::read(&path).unwrap());
        fs::write(path, content).unwrap();
        spoiled
    }

    fn without(&self, file: &str) -> PathBuf {
        let without = copy(&self.backup, &self.vault.beside(&format!("without-{file}")));
        fs::remove_file(without.join(file)).unwrap();
        without
    }

    /// Expects that verification and restore refuse it with these words, and that the target stays empty.
    async fn expect_refused(&self, backup: &Path, words: &str) {
        let verified = self.vault.verify(backup).await.unwrap_err().to_string();
        assert!(verified.contains(words), "{verified}\n{words}");
        let target = Target::new().await;
        let before = target.dump();
        self.expect_restore_refused(&target, backup, self.vault.identities(), words)
            .await;
        assert_eq!(target.dump(), before);
        assert!(!target.key_file().exists());
    }

    async fn expect_restore_refused(
        &self,
        target: &Target,
        backup: &Path,
        identities: Identities,
        words: &str,
    ) {
        let refused = target.restore(backup, identities).await.unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}\n{words}");
    }
}

/// In the middle, behind every header.
fn flip(mut content: Vec<u8>) -> Vec<u8> {
    let place = content.len() * 2 / 3;
    content[place] ^= 1;
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_pair_is_refused_by_its_name_and_the_target_stays_as_it_was() {
    let scene = Scene::new().await;
    let (dump, keys) = (names::DUMP, names::KEYS);
    // Files of two backups, each whole in itself.
    for (of, name, words) in [
        (&scene.older, "older", "belongs to an older backup"),
        (&scene.newer, "newer", "belongs to a newer backup"),
        (&scene.other, "other", "belongs to another deployment's backup"),
    ] {
        for file in [dump, keys, names::CONFIGURATION] {
            let mixed = scene.mixed(&format!("{name}-{file}"), &[file], of);
            scene
                .expect_refused(&mixed, &format!("mismatched pair: {file} {words}"))
                .await;
        }
        let mixed = scene.mixed(&format!("{name}-seal"), &[authenticity::FILE], of);
        scene
            .expect_refused(&mixed, "its manifest.seal is that of another backup")
            .await;
        let mixed = scene.mixed(
            &format!("{name}-manifest"),
            &[manifest::FILE, authenticity::FILE],
            of,
        );
        scene
            .expect_refused(&mixed, "mismatched pair: config.toml.age belongs to")
            .await;
    }
    // Files that are gone.
    for file in [dump, keys, names::CONFIGURATION, authenticity::FILE] {
        scene
            .expect_refused(&scene.without(file), &format!("{file} is missing"))
            .await;
    }
    scene
        .expect_refused(
            &scene.without(manifest::FILE),
            "is no backup: it has no manifest.json",
        )
        .await;
    // A bit, and the end.
    for file in [dump, keys, names::CONFIGURATION] {
        let flipped = scene.spoiled(&format!("flipped-{file}"), file, flip);
        scene
            .expect_refused(&flipped, &format!("{file} was changed: its SHA-256 is another"))
            .await;
        let cut = scene.spoiled(&format!("cut-{file}"), file, |content| {
            content[..content.len() - 1].to_vec()
        });
        scene
            .expect_refused(
                &cut,
                &format!("{file} was changed: it is shorter than it was written"),
            )
            .await;
    }
    let flipped = scene.spoiled("flipped-seal", authenticity::FILE, flip);
    scene.expect_refused(&flipped, "manifest").await;
    let cut = scene.spoiled("cut-manifest", manifest::FILE, |content| {
        content[..content.len() / 2].to_vec()
    });
    scene
        .expect_refused(&cut, "manifest.json is cut off or is no manifest")
        .await;
    let changed = scene.spoiled("changed-manifest", manifest::FILE, |content| {
        let text = String::from_utf8(content).unwrap();
        text.replace("\"spaces\": 1", "\"spaces\": 2").into_bytes()
    });
    scene
        .expect_refused(&changed, "manifest.json is not what was written")
        .await;
    let later = scene.spoiled("later-format", manifest::FILE, |content| {
        let text = String::from_utf8(content).unwrap();
        text.replace("\"format\": 1", "\"format\": 2").into_bytes()
    });
    scene
        .expect_refused(&later, "the backup has format 2, this relay reads 1")
        .await;

    wrong_targets(&scene).await;
    // And the backup that all of these were made of is right.
    scene.vault.verify(&scene.backup).await.unwrap();
    let target = Target::new().await;
    target
        .restore(&scene.backup, scene.vault.identities())
        .await
        .unwrap();
}

/// Backups that are right, at the wrong place or with the wrong key.
async fn wrong_targets(scene: &Scene) {
    let backup = &scene.backup;
    let target = Target::new().await;
    let (before, stranger) = (target.dump(), Identity::generate());
    scene
        .expect_restore_refused(&target, backup, stranger.into(), "wrong identity")
        .await;
    let ours = || scene.vault.identities();
    scene
        .expect_restore_refused(
            &target,
            &scene.later_schema,
            ours(),
            "the backup has schema version 9999",
        )
        .await;
    assert_eq!(target.dump(), before);

    // Another key file where this one would go.
    let in_the_way = KeyFile::create(&target.key_file(), Arc::new(SystemEntropy));
    let in_the_way = in_the_way.unwrap().name();
    scene
        .expect_restore_refused(&target, backup, ours(), "with another key")
        .await;
    let found = fs::read_to_string(target.key_file()).unwrap();
    assert!(found.contains(&in_the_way) && target.dump() == before);

    // A database that is in use.
    let used = Target::on(Database::create().await);
    let before = used.dump();
    scene
        .expect_restore_refused(&used, backup, ours(), "the target database is not empty")
        .await;
    assert!(used.dump() == before && !used.key_file().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_by_somebody_who_knows_the_recipient_alone_is_refused_as_a_forgery() {
    let (relay, config) = relay().await;
    let vault = Vault::new();
    let created = vault.create(&config, &relay).await;
    relay.stop().await;
    // Somebody who took the folder away seals a manifest of his own, with the true recipient and a key file of his own.
    let folder = tempfile::tempdir().unwrap();
    let entropy = Arc::new(SystemEntropy);
    let his = KeyFile::create(&folder.path().join("key"), entropy.clone()).unwrap();
    let bytes = fs::read(created.path.join(manifest::FILE)).unwrap();
    let mut forged = manifest::Manifest::parse(&bytes).unwrap();
    forged.database.spaces += 1;
    let label = Label {
        backup: forged.id.clone(),
        deployment: forged.database.deployment.clone(),
        file: authenticity::FILE.into(),
    };
    let recipients = [vault.recipient.parse().unwrap()];
    let key = authenticity::ManifestKey::draw(&forged.id, &his, &*entropy)
        .await
        .unwrap();
    let seal = authenticity::Seal::make(&forged.render(), &label, &recipients, &key).unwrap();
    fs::write(created.path.join(manifest::FILE), forged.render()).unwrap();
    fs::write(created.path.join(authenticity::FILE), seal.render()).unwrap();

    let refused = vault.verify(&created.path).await.unwrap_err().to_string();
    assert!(refused.contains("this backup is a forgery"), "{refused}");
    let target = Target::new().await;
    let refused = target
        .restore(&created.path, vault.identities())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("this backup is a forgery") && !target.key_file().exists(),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn key_file_of_a_restore_that_stops_behind_it_is_taken_away_again() {
    let vault = Vault::new();
    let (relay, config) = relay().await;
    let created = vault.create(&config, &relay).await;
    relay.stop().await;
    let target = Target::new().await;
    let prepared = target.prepare(&created.path, vault.identities()).await.unwrap();
    // Somebody else takes the database meanwhile.
    let taken = "CREATE TABLE accounts (mine integer)";
    sqlx::raw_sql(taken)
        .execute(&mut target.database.connect().await)
        .await
        .unwrap();
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let refused = Box::pin(prepared.run(&target.options.config(), &progress)).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("pg_restore failed"), "{refused}");
    assert!(!target.key_file().exists());
}
