//! Backups of the embedded default: nothing but the command is there.

use std::{fs, path::Path};

use crate::support::{Dev, complaint, printed, run};

/// A folder with the public half of an identity in it, and a place for backups.
fn vault() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("backups")).unwrap();
    let identity = text(&folder.path().join("identity"));
    let recipient = printed(&run(&["backup", "identity", "--out", &identity], &[]));
    let again = run(&["backup", "identity", "--out", &identity], &[]);
    assert!(
        complaint(&again).contains("cannot write"),
        "{}",
        complaint(&again)
    );
    (folder, recipient.trim().to_owned())
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn stop(mut dev: Dev) {
    dev.terminate();
    assert!(dev.ended().0.success());
}

#[tokio::test]
async fn a_development_relay_is_backed_up_while_it_runs_and_restored_into_a_new_folder() {
    let (vault, recipient) = vault();
    let (backups, identity) = (
        text(&vault.path().join("backups")),
        text(&vault.path().join("identity")),
    );
    let data = tempfile::tempdir().unwrap();
    let dev = Dev::start(data.path(), "file");
    let incarnation = dev.info().await["incarnation"].clone();
    let config = text(&data.path().join("relay.toml"));
    printed(&run(
        &["--config", &config, "token", "create", "--note", "for the garden"],
        &[],
    ));
    let create = [
        "--config",
        &config,
        "backup",
        "create",
        "--to",
        &backups,
        "--recipient",
        &recipient,
        "--first",
        "--json",
        "--attach",
        &config,
    ];
    let created: serde_json::Value = serde_json::from_str(&printed(&run(&create, &[]))).unwrap();
    let backup = created["path"].as_str().unwrap();
    let (extracted, config_out) = (vault.path().join("extracted"), text(&vault.path().join("config")));
    for (name, out) in [
        ("attached-relay.toml.age", &text(&extracted)),
        ("config.toml.age", &config_out),
    ] {
        printed(&run(
            &[
                "backup",
                "extract",
                backup,
                name,
                "--identity",
                &identity,
                "--out",
                out,
            ],
            &[],
        ));
    }
    assert_eq!(fs::read(extracted).unwrap(), fs::read(&config).unwrap());
    let kept = fs::read_to_string(config_out).unwrap();
    assert!(
        kept.contains("public_url") && !kept.contains("postgres:///"),
        "{kept}"
    );
    let verified = printed(&run(&["backup", "verify", backup, "--identity", &identity], &[]));
    assert!(
        verified.contains("is whole") && verified.contains("every data key opened"),
        "{verified}"
    );

    let restore = |data: &Path, more: &[&str]| {
        let arguments = [
            "backup",
            "restore",
            backup,
            "--identity",
            &identity,
            "--data",
            &text(data),
        ];
        run(&[&arguments[..], more].concat(), &[])
    };
    let in_use = complaint(&restore(data.path(), &["--yes"]));
    assert!(in_use.contains("is in use by another relay"), "{in_use}");
    stop(dev);
    let new = tempfile::tempdir().unwrap();
    let unasked = complaint(&restore(new.path(), &[]));
    assert!(unasked.contains("nothing was done: say --yes"), "{unasked}");
    let restored = printed(&restore(new.path(), &["--yes"]));
    assert!(restored.contains("is restored"), "{restored}");

    let dev = Dev::start(new.path(), "file");
    assert_ne!(dev.info().await["incarnation"], incarnation);
    let config = text(&new.path().join("relay.toml"));
    let tokens = printed(&run(&["--config", &config, "token", "list"], &[]));
    assert!(tokens.contains("for the garden"), "{tokens}");
    stop(dev);
    let again = complaint(&restore(new.path(), &["--yes"]));
    assert!(again.contains("the target database is not empty"), "{again}");
    let pruned = printed(&run(&["backup", "prune", &backups, "--keep-daily", "7"], &[]));
    assert!(pruned.starts_with("kept"), "{pruned}");
}
