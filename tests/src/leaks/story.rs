//! Alice and Bob use the command for everything it can do, and what that leaves to be kept from the relay.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;

use super::{files, home, secret::Secret, sharing};
use crate::command::{Ended, PASSPHRASE, Sealpost};

const HANDLES: [&str; 3] = [
    "alice-with-a-long-handle",
    "bob-with-a-long-handle",
    "carol-with-a-long-handle",
];
const DEVICE: &str = "the laptop on the kitchen table";
const SPACE: &str = "the garden behind the mill";
const NEW_PASSPHRASE: &str = "another passphrase of six plain words";
const LAST_PASSPHRASE: &str = "the passphrase of somebody who starts over";
const WRONG_PASSPHRASE: &str = "a passphrase that somebody mistyped";
const TEXTS: [&str; 3] = [
    "the heron nests behind the mill",
    "then I bring bread at dusk",
    "this is sealed under the second epoch",
];
const SAID: [&str; 2] = ["is there water in the well", "the well is full to the brim"];

/// What is left of the story.
pub(super) struct Told {
    pub(super) secrets: Vec<Secret>,
    /// The homes of all devices.
    pub(super) homes: Vec<PathBuf>,
}

/// Tells it at the relay with this URL. Blocks.
pub(super) fn tell(folder: &Path, url: &str) -> Told {
    let names = ["alice", "bob", "carol", "second", "third", "fourth", "machine"];
    let [alice, bob, carol, second, third, fourth, machine] =
        names.map(|name| Sealpost::below(folder.join(name), url));
    let mut secrets = vec![
        Secret::new("passphrase", PASSPHRASE),
        Secret::new("new passphrase", NEW_PASSPHRASE),
        Secret::new("mistyped passphrase", WRONG_PASSPHRASE),
        Secret::new("last passphrase", LAST_PASSPHRASE),
        Secret::new("name of the space", SPACE),
        Secret::new("name of the device", DEVICE).that_the_relay_sees(),
    ];
    secrets.extend(TEXTS.map(|text| Secret::new("text", text)));
    secrets.extend(HANDLES.map(|handle| Secret::new("handle", handle).that_the_relay_sees()));
    for (device, handle) in [&alice, &bob, &carol].into_iter().zip(HANDLES) {
        secrets.extend(register(device, handle));
    }
    meet_and_write(&alice, &bob);
    secrets.extend(files::put_and_get(&alice));
    secrets.extend(change_what_opens(&alice, &second, &third));
    secrets.extend(let_in(&alice, &fourth));
    secrets.extend(sharing::join(&alice, &carol, SPACE));
    secrets.extend(sharing::pair(&alice, &machine, SPACE, SAID));
    secrets.push(sharing::export(&alice));
    // What counted before is no less of a secret.
    secrets.extend(home::secrets(&bob.file("home")));
    secrets.extend(start_over(&bob));
    let homes = [&alice, &bob, &carol, &second, &third, &fourth, &machine]
        .map(|device| device.file("home"))
        .to_vec();
    secrets.extend(homes.iter().flat_map(|home| home::secrets(home)));
    Told { secrets, homes }
}

fn register(device: &Sealpost, handle: &str) -> Vec<Secret> {
    let code = device.file("code");
    let mut command = device.command(["register", handle, "--json", "--recovery-code-to"]);
    command.arg(&code).env("SEALPOST_DEVICE_NAME", DEVICE);
    Ended::of(command.spawn().unwrap()).expect_done();
    Secret::of_recovery_code(fs::read_to_string(code).unwrap().trim())
}

fn meet_and_write(alice: &Sealpost, bob: &Sealpost) {
    let card = bob.run(["contact", "card"]).expect_done().out;
    alice.feed(["contact", "import"], card.as_bytes()).expect_done();
    let whoami = bob.json(["whoami"]);
    let fingerprint = whoami[0]["fingerprint"].as_str().unwrap();
    alice.json(["contact", "confirm", HANDLES[1], "--fingerprint", fingerprint]);
    alice.json(["space", "create", SPACE]);
    alice.json(["space", "add-member", SPACE, HANDLES[1]]);
    let listed = bob.json(["space", "list"]);
    let space = listed[0]["space"].as_str().unwrap();
    alice.json(["send", SPACE, TEXTS[0]]);
    bob.json(["send", space, TEXTS[1]]);
    alice.json(["space", "rekey", SPACE]);
    alice.json(["send", SPACE, TEXTS[2]]);
    for (device, space) in [(alice, SPACE), (bob, space)] {
        assert_eq!(device.json(["tail", space]).len(), TEXTS.len());
    }
}

/// Alice changes her passphrase and her code, mistypes, logs in on a second device, has a device secret from then on, and
/// comes back by her code on a third.
fn change_what_opens(alice: &Sealpost, second: &Sealpost, third: &Sealpost) -> Vec<Secret> {
    let (new, wrong, code) = (alice.file("new"), alice.file("wrong"), alice.file("new-code"));
    fs::write(&new, NEW_PASSPHRASE).unwrap();
    fs::write(&wrong, WRONG_PASSPHRASE).unwrap();
    let mut change = alice.command(["passphrase", "change"]);
    change.env("SEALPOST_NEW_PASSPHRASE_FILE", &new);
    Ended::of(change.spawn().unwrap()).expect_done();
    let mut renew = alice.command(["recovery-code", "new", "--recovery-code-to"]);
    renew.arg(&code).env("SEALPOST_PASSPHRASE_FILE", &new);
    Ended::of(renew.spawn().unwrap()).expect_done();
    for (file, expected) in [(&wrong, 3), (&new, 0)] {
        let mut login = second.command(["login", HANDLES[0]]);
        login.env("SEALPOST_PASSPHRASE_FILE", file).stdin(Stdio::null());
        let ended = Ended::of(login.spawn().unwrap());
        assert_eq!(ended.code, expected, "{}", ended.err);
    }
    let mut enable = second.command(["account", "device-secret", "enable", "--json"]);
    enable.env("SEALPOST_PASSPHRASE_FILE", &new);
    let enabled = Ended::of(enable.spawn().unwrap()).expect_done().lines();
    let device_secret = enabled[0]["device_secret"].as_str().unwrap();
    let mut recover = third.command(["login", "--recovery"]);
    recover.env("SEALPOST_RECOVERY_FILE", &code);
    Ended::of(recover.spawn().unwrap()).expect_done();
    for device in [second, third] {
        assert_eq!(device.json(["tail", SPACE]).len(), TEXTS.len());
    }
    let mut secrets = Secret::of_recovery_code(fs::read_to_string(code).unwrap().trim());
    secrets.extend(Secret::of_device_secret(device_secret));
    secrets
}

fn start_over(device: &Sealpost) -> Vec<Secret> {
    let (new, code) = (device.file("new"), device.file("new-code"));
    fs::write(&new, LAST_PASSPHRASE).unwrap();
    let mut command = device.command(["account", "start-over", "--yes", "--recovery-code-to"]);
    command.arg(&code).env("SEALPOST_NEW_PASSPHRASE_FILE", &new);
    Ended::of(command.spawn().unwrap()).expect_done();
    Secret::of_recovery_code(fs::read_to_string(code).unwrap().trim())
}

/// Alice's first device, which has not heard of the device secret that another one drew, lets a fourth one in, without telling it
/// anything.
fn let_in(alice: &Sealpost, fourth: &Sealpost) -> Vec<Secret> {
    let mut login = fourth
        .command(["--json", "login", HANDLES[0], "--approve"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(login.stdout.as_mut().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let shown: Value = serde_json::from_str(&line).unwrap();
    let code = shown["device_code"].as_str().unwrap();
    let file = alice.file("device-code");
    fs::write(&file, code).unwrap();
    let mut approve = alice.command(["devices", "approve", "--yes"]);
    approve
        .arg(&file)
        .env("SEALPOST_PASSPHRASE_FILE", alice.file("new"));
    Ended::of(approve.spawn().unwrap()).expect_done();
    assert!(login.wait().unwrap().success());
    assert_eq!(fourth.json(["tail", SPACE]).len(), TEXTS.len());
    Secret::of_device_code(code)
}
