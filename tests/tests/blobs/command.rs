use std::process::Stdio;

use sealpost_tests::command::Sealpost;
use sealpost_tests::database::Database;
use sealpost_tests::proxy::{FaultProxy, Upstream, Weather};
use sealpost_tests::relay::{ChildRelay, Relay, RelayOptions};
use sealpost_tests::terminal::Terminal;
use sealpost_tests::transfers::Store;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::shelf::{PART, plaintext, storage, with_storage};

/// A relay with a storage behind a link that can fail.
struct Stage {
    relay: Relay,
    link: FaultProxy,
    _objects: Store,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (objects, link) = storage(&folder.path().join("objects")).await;
        let options = RelayOptions::on(&Database::create().await);
        Self {
            relay: Relay::start(with_storage(options, &objects, &link)).await,
            link,
            _objects: objects,
            folder,
        }
    }

    /// A device that knows the relay and nothing else.
    fn device(&self) -> Sealpost {
        Sealpost::new(&self.relay.addresses().url())
    }
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("no {key} in {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn command_puts_lists_gets_and_removes_files() {
    let stage = Stage::new().await;
    let alice = stage.device();
    let (file, got) = (
        stage.folder.path().join("film.mp4"),
        stage.folder.path().join("got.mp4"),
    );
    let bytes = plaintext(PART + 1_000);
    std::fs::write(&file, &bytes).unwrap();
    let (file, got_path) = (
        file.to_str().unwrap().to_owned(),
        got.to_str().unwrap().to_owned(),
    );
    tokio::task::spawn_blocking(move || {
        alice.json(["register", "alice"]);
        alice.json(["space", "create", "garden"]);
        let put = alice.json(["put", "garden", &file]);
        let id = text(&put[0], "blob_id").to_owned();
        assert_eq!(text(&put[0], "name"), "film.mp4");
        let shown = alice.run(["tail", "garden"]).expect_done().out;
        assert!(
            shown
                .trim_end()
                .ends_with(&format!("file {}  film.mp4", &id[..12])),
            "{shown}"
        );
        let listed = alice.json(["ls", "garden"]);
        assert_eq!((listed.len(), text(&listed[0], "blob_id")), (1, id.as_str()));
        alice.json(["get", "garden", "film.mp4", "--to", &got_path]);
        assert!(std::fs::read(&got_path).unwrap() == bytes);
        let refused = alice.run(["get", "garden", "film.mp4", "--to", &got_path]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        let piped = alice.feed(["put", "garden", "-", "--name", "notes"], b"from a pipe");
        piped.expect_done();
        let read = alice.run(["get", "garden", "notes", "--to", "-"]).expect_done();
        assert_eq!(read.out, "from a pipe");
        let folder = alice.file("holidays");
        std::fs::create_dir_all(folder.join("a")).unwrap();
        std::fs::write(folder.join("a/plan"), "bread").unwrap();
        let put = alice.json(["put", "garden", folder.to_str().unwrap()]);
        assert_eq!((text(&put[0], "name"), &put[0]["files"]), ("holidays", &1.into()));
        let to = alice.file("back");
        alice.json(["get", "garden", "holidays", "--to", to.to_str().unwrap()]);
        assert_eq!(std::fs::read(to.join("a/plan")).unwrap(), b"bread");
        alice.run(["rm", "garden", "holidays"]).expect_done();
        alice.run(["rm", "garden", &id[..8]]).expect_done();
        let gone = alice.run(["get", "garden", &id, "--to", "-"]);
        assert_eq!(gone.code, 6, "{}", gone.err);
    })
    .await
    .unwrap();
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_of_whom_another_device_has_confirmed_meanwhile() {
    let stage = Stage::new().await;
    let [alice, phone, tablet, bob] = std::array::from_fn(|_| stage.device());
    tokio::task::spawn_blocking(move || {
        alice.json(["register", "alice"]);
        let registered = bob.json(["register", "bob"]);
        alice.json(["space", "create", "garden"]);
        for device in [&phone, &tablet] {
            device.json(["login", "alice"]);
        }
        let card = bob.run(["contact", "card"]).expect_done().out;
        alice.feed(["contact", "import"], card.as_bytes()).expect_done();
        let fingerprint = text(&registered[1], "fingerprint");
        alice.json(["contact", "confirm", "bob", "--fingerprint", fingerprint]);
        alice.json(["space", "add-member", "garden", "bob"]);
        let space = text(&bob.json(["space", "list"])[0], "space").to_owned();
        let piped = bob.feed(["put", &space, "-", "--name", "notes"], b"from a pipe");
        piped.expect_done();
        let listed = phone.run(["ls", "garden"]).expect_done().out;
        assert!(listed.contains("  bob  notes"), "{listed}");
        let to = tablet.file("notes");
        let got = tablet.run(["get", "garden", "notes", "--to", to.to_str().unwrap()]);
        let got = got.expect_done().out;
        assert!(got.contains("from bob"), "{got}");
    })
    .await
    .unwrap();
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn name_stands_for_the_newest_file_that_was_not_deleted() {
    let stage = Stage::new().await;
    let alice = stage.device();
    let working = tokio::task::spawn_blocking(move || {
        alice.json(["register", "alice"]);
        alice.json(["space", "create", "garden"]);
        let file = alice.file("plan").to_str().unwrap().to_owned();
        let ids = ["bread", "butter and jam"].map(|content| {
            std::fs::write(&file, content).unwrap();
            text(&alice.json(["put", "garden", &file])[0], "blob_id").to_owned()
        });
        let removed = alice.json(["rm", "garden", "plan"]);
        assert_eq!(
            (text(&removed[0], "blob_id"), text(&removed[0], "older")),
            (&*ids[1], &*ids[0])
        );
        assert_eq!(
            (text(&removed[0], "name"), &removed[0]["bytes"]),
            ("plan", &14.into())
        );
        let got = alice.run(["get", "garden", "plan", "--to", "-"]).expect_done();
        assert_eq!(got.out, "bread");
        let newer = format!("plan ({}) was deleted, as the relay says", &ids[1][..12]);
        assert!(got.err.contains(&newer), "{}", got.err);
        let listed = alice.json(["ls", "garden"]);
        assert_eq!(
            listed.iter().map(|file| &file["deleted"]).collect::<Vec<_>>(),
            [false, true]
        );
        let again = alice.run(["--json", "rm", "garden", &ids[1]]);
        let error: Value = serde_json::from_str(&again.err).unwrap();
        assert_eq!((again.code, &error["error"]["code"]), (6, &"not_found".into()));
        let last = alice.run(["rm", "garden", "plan"]).expect_done().out;
        assert!(
            last.starts_with(&ids[0][..12]) && last.contains("5 bytes  plan  deleted"),
            "{last}"
        );
        let to = alice.file("got");
        let gone = alice.run(["get", "garden", "plan", "--to", to.to_str().unwrap()]);
        assert!(gone.code == 6 && gone.err.contains("was deleted"), "{}", gone.err);
        let nothing = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            !name.starts_with("got")
        };
        assert!(std::fs::read_dir(alice.file("")).unwrap().all(nothing));

        let bad = alice.file("a\nb").to_str().unwrap().to_owned();
        std::fs::write(&bad, "x").unwrap();
        let refused = alice.run(["put", "garden", &file, &bad]);
        assert!(
            refused.code == 2 && refused.err.contains("control characters"),
            "{}",
            refused.err
        );
        assert_eq!(alice.json(["ls", "garden"]).len(), 2);
    });
    working.await.unwrap();
    stage.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipe_outlasts_a_relay_that_is_killed_half_way() {
    let folder = tempfile::tempdir().unwrap();
    let (objects, link) = storage(&folder.path().join("objects")).await;
    let database = Database::create().await;
    let door = FaultProxy::start().await;
    let options = with_storage(RelayOptions::on(&database), &objects, &link).behind(door.address());
    let relay = ChildRelay::start(options).await;
    door.lead_to(Upstream::Tcp(relay.addresses().public));
    let alice = Sealpost::new(&format!("http://{}", door.address()));
    let alice = tokio::task::spawn_blocking(move || {
        alice.json(["register", "alice"]);
        alice.json(["space", "create", "garden"]);
        alice
    });
    let alice = alice.await.unwrap();
    let bytes = plaintext(2 * PART);
    let put = alice.command([
        "--json",
        "--patience",
        "0",
        "put",
        "garden",
        "-",
        "--name",
        "notes",
    ]);
    let mut putting = Command::from(put)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut pipe = putting.stdin.take().unwrap();
    // Behind the first part stands something of the next, so that the first is on its way.
    pipe.write_all(&bytes[..PART + 100_000]).await.unwrap();
    link.passed(PART as u64).await;
    let relay = relay.kill_9().restart_elsewhere().await;
    door.lead_to(Upstream::Tcp(relay.addresses().public));
    pipe.write_all(&bytes[PART + 100_000..]).await.unwrap();
    drop(pipe);
    let ended = putting.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let got = folder.path().join("got");
    let to = got.to_str().unwrap().to_owned();
    let getting = tokio::task::spawn_blocking(move || {
        alice.json(["get", "garden", "notes", "--to", &to]);
    });
    getting.await.unwrap();
    assert!(std::fs::read(got).unwrap() == bytes);
    drop(relay);
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_show_at_a_terminal_how_far_they_are_and_how_fast() {
    let stage = Stage::new().await;
    let alice = stage.device();
    let Stage { relay, link, .. } = stage;
    let working = tokio::task::spawn_blocking(move || {
        alice.json(["register", "alice"]);
        alice.json(["space", "create", "garden"]);
        let (file, got) = (alice.file("film.mp4"), alice.file("got.mp4"));
        std::fs::write(&file, plaintext(PART)).unwrap();
        let (file, got) = (file.to_str().unwrap(), got.to_str().unwrap());
        for (arguments, what) in [
            (&["put", "garden", file][..], "putting"),
            (&["get", "garden", "film.mp4", "--to", got], "getting"),
        ] {
            // As long as nothing passes, there is something to look at.
            link.set_weather(Weather::Silent);
            let mut terminal = Terminal::open();
            let mut child = terminal.start(&alice.command(arguments));
            let screen = terminal.wait_for("B/s");
            link.set_weather(Weather::Fair);
            assert!(
                screen.contains(what) && screen.contains("/8.00 MiB"),
                "{screen:?}"
            );
            terminal.wait_for("8388608 bytes");
            assert!(child.wait().unwrap().success());
        }
    });
    working.await.unwrap();
    relay.stop().await;
}
