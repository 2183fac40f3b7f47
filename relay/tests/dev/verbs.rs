//! The verbs of an operator, on a development relay.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{Dev, complaint, printed, run};

#[test]
fn an_operator_hands_out_and_revokes_tokens() {
    let data = tempfile::tempdir().unwrap();
    let _dev = Dev::start(data.path(), "file");
    let config = data.path().join("relay.toml");
    let config = config.to_str().unwrap();
    let relay = |arguments: &[&str]| run(&[&["--config", config], arguments].concat(), &[]);

    let token = printed(&relay(&[
        "token",
        "create",
        "--uses",
        "3",
        "--note",
        "for the garden",
    ]));
    assert_eq!(token.trim().len(), 43);
    let list = printed(&relay(&["token", "list"]));
    let line = list.lines().find(|line| line.contains("for the garden")).unwrap();
    assert!(
        line.contains("3/3 left") && !list.contains(token.trim()),
        "{list}"
    );
    printed(&relay(&["token", "revoke", line.split_once(' ').unwrap().0]));
    assert!(printed(&relay(&["token", "list"])).contains("revoked"));

    assert_eq!(printed(&relay(&["account", "list"])), "");
    let nobody = relay(&["account", "disable", "nobody"]);
    assert!(nobody.status.code() == Some(1) && complaint(&nobody).contains("no account has this handle"));
    let rewrapped = printed(&relay(&["kms", "rewrap"]));
    assert!(rewrapped.contains("0 do not open"), "{rewrapped}");
    assert_eq!(rewrapped.lines().count(), 1, "{rewrapped}");
    assert!(printed(&relay(&["migrate", "verify"])).contains("as needed"));
    assert!(printed(&relay(&["migrate", "status"])).contains("V1__relay_state"));
    assert!(printed(&relay(&["migrate", "up"])).contains("the schema is at version"));
}

#[test]
fn an_operator_looks_after_the_files_of_a_relay_that_brings_its_own_storage() {
    let data = tempfile::tempdir().unwrap();
    let _dev = Dev::start(data.path(), "file");
    let config = data.path().join("relay.toml");
    let config = config.to_str().unwrap();
    let relay = |arguments: &[&str]| run(&[&["--config", config], arguments].concat(), &[]);
    // It finds its ports taken, by the relay that runs.
    let found = String::from_utf8(relay(&["doctor"]).stdout).unwrap();
    assert!(
        found.contains("ok    blob storage (parts bound by payload hash"),
        "{found}"
    );
    let would = printed(&relay(&["blobs", "sweep", "--dry-run"]));
    assert_eq!(
        would,
        "would: 0 stale, 0 removed (0 bytes), 0 not removed, 0 forgotten\n"
    );
    assert!(printed(&relay(&["blobs", "sweep"])).starts_with("0 stale"));
    assert!(printed(&relay(&["blobs", "reconcile"])).starts_with("0 files, 0 objects, 0 differences"));
    assert_eq!(printed(&relay(&["blobs", "list"])), "");

    let stray = data.path().join("blobs/data/sealpost/stray");
    fs::write(stray, "nobody knows me").unwrap();
    let differs = relay(&["blobs", "reconcile"]);
    assert_eq!(differs.status.code(), Some(1));
    let told = String::from_utf8(differs.stdout).unwrap();
    assert!(
        told.contains("unknown   stray (15 bytes): left as it is"),
        "{told}"
    );
}

#[test]
fn health_is_asked_for_without_a_shell() {
    let data = tempfile::tempdir().unwrap();
    let dev = Dev::start(data.path(), "file");
    let file = dev.file();
    let ops = file["ops_url"].as_str().unwrap().strip_prefix("http://").unwrap();
    assert!(printed(&run(&["healthcheck", "--ops", ops], &[])).contains(r#""status":"ready""#));
    drop(dev);
    assert_eq!(run(&["healthcheck", "--ops", ops], &[]).status.code(), Some(1));
}

#[test]
fn the_doctor_finds_what_is_wrong_and_what_is_not() {
    let data = tempfile::tempdir().unwrap();
    let dev = Dev::start(data.path(), "file");
    let config = config(&dev, data.path());
    let healthy = run(&["--config", &config, "doctor"], &[]);
    assert!(
        printed(&healthy).lines().all(|line| line.starts_with("ok ")),
        "{}",
        printed(&healthy)
    );
    assert!(printed(&healthy).contains("recovery (after a restore its spaces take nothing new for 120 s"));

    let ill = run(
        &["--config", &config, "doctor"],
        &[
            ("SEALPOST__DATABASE__URL", "postgres://relay@127.0.0.1:1/none"),
            ("SEALPOST__SERVER__OPS_LISTEN", "192.0.2.1:1"),
        ],
    );
    let findings = String::from_utf8(ill.stdout).unwrap();
    assert_eq!(ill.status.code(), Some(1));
    assert!(
        findings.contains("ok    configuration") && findings.contains("FAIL  database"),
        "{findings}"
    );
    assert!(findings.contains("FAIL  ops listener: 192.0.2.1:1"), "{findings}");
}

#[test]
fn the_doctor_finds_the_relay_that_runs_well_and_a_stranger_on_its_port_not() {
    let data = tempfile::tempdir().unwrap();
    let _dev = Dev::start(data.path(), "file");
    let config = data.path().join("relay.toml");
    let doctor = ["--config", config.to_str().unwrap(), "doctor"];
    let healthy = printed(&run(&doctor, &[]));
    assert!(healthy.lines().all(|line| line.starts_with("ok ")), "{healthy}");
    assert!(healthy.contains("held by the relay that runs"), "{healthy}");

    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap().to_string();
    std::thread::spawn(move || stranger.incoming().for_each(drop));
    let findings = run(&doctor, &[("SEALPOST__SERVER__OPS_LISTEN", &address)]);
    let findings = String::from_utf8(findings.stdout).unwrap();
    assert!(findings.contains("FAIL  ops listener"), "{findings}");
}

#[test]
fn the_doctor_misses_a_backup_until_one_was_made_and_verified() {
    let (data, vault) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _dev = Dev::start(data.path(), "file");
    let config = data.path().join("relay.toml");
    let config = config.to_str().unwrap();
    let (folder, identity) = (vault.path().join("backups"), vault.path().join("identity"));
    fs::create_dir(&folder).unwrap();
    let (folder, identity) = (folder.to_str().unwrap(), identity.to_str().unwrap());
    let with_folder = [("SEALPOST__BACKUP__FOLDER", folder)];
    let doctor = || String::from_utf8(run(&["--config", config, "doctor"], &with_folder).stdout).unwrap();
    assert!(doctor().contains("FAIL  backups: none was ever made"));

    let recipient = printed(&run(&["backup", "identity", "--out", identity], &[]));
    let create = ["--config", config, "backup", "create", "--first", "--json"];
    let create = [&create[..], &["--recipient", recipient.trim()]].concat();
    let made: Value = serde_json::from_str(&printed(&run(&create, &with_folder))).unwrap();
    assert!(doctor().contains("FAIL  backups: none was ever verified"));
    let verify = [
        "backup",
        "verify",
        made["path"].as_str().unwrap(),
        "--identity",
        identity,
    ];
    printed(&run(&verify, &[]));
    let found = doctor();
    assert!(
        found.contains("ok    backups (the newest is 0 minutes old, one was verified 0 minutes ago)"),
        "{found}"
    );
}

#[test]
fn what_is_deleted_is_remembered_beside_the_data() {
    let data = tempfile::tempdir().unwrap();
    let _dev = Dev::start(data.path(), "file");
    let config = fs::read_to_string(data.path().join("relay.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let folder = Path::new(config["shreds"]["folder"].as_str().unwrap());
    assert_eq!(folder, data.path().canonicalize().unwrap().join("shreds"));
    assert!(folder.is_dir());
}

#[test]
fn the_doctor_names_a_lost_key_file_and_makes_none() {
    let data = tempfile::tempdir().unwrap();
    let dev = Dev::start(data.path(), "file");
    let config = config(&dev, data.path());
    let key = data.path().join("kms.key");
    fs::rename(&key, data.path().join("kms.key.backup")).unwrap();
    for verb in [&["doctor"][..], &["token", "create"]] {
        let output = run(&[&["--config", &config], verb].concat(), &[]);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            complaint(&output)
        );
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("restore the key file from the backup"), "{said}");
        assert!(!key.exists());
    }
}

#[test]
fn a_configuration_is_checked_without_starting_anything() {
    let wrong = run(
        &["config", "check"],
        &[("SEALPOST__SERVER__PUBLIC_URL", "http://localhost")],
    );
    assert_eq!(wrong.status.code(), Some(1));
    assert!(complaint(&wrong).contains("database"), "{}", complaint(&wrong));
    for verb in [&["serve"][..], &["token", "list"]] {
        let unnamed = run(verb, &[]);
        assert_eq!(unnamed.status.code(), Some(1));
        assert!(
            complaint(&unnamed).contains("--config FILE"),
            "{}",
            complaint(&unnamed)
        );
    }
    let unnamed = run(&["doctor"], &[]);
    assert!(
        String::from_utf8(unnamed.stdout)
            .unwrap()
            .contains("--config FILE")
    );
    assert_eq!(run(&["config"], &[]).status.code(), Some(2));
}

/// The configuration that `serve` would have beside this development relay.
fn config(dev: &Dev, data: &Path) -> String {
    let path = data.join("serve.toml");
    let (database, key) = (dev.file()["database_url"].clone(), data.join("kms.key"));
    let text = format!(
        "environment = \"development\"\n\
         server = {{ public_url = \"http://localhost:1\", public_listen = \"127.0.0.1:0\", ops_listen = \"127.0.0.1:0\" }}\n\
         database.url = {database}\n\
         kms = {{ kind = \"file\", file.path = \"{}\" }}\n",
        key.display()
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
