//! What the story shares by a secret that is written down: an invite link, a pairing code, an exported account.

use std::fs;

use super::secret::Secret;
use crate::command::{Ended, Sealpost};

const EXPORT_PASSPHRASE: &str = "what opens the file in the drawer";

/// Carol joins by a link.
pub(super) fn join(alice: &Sealpost, carol: &Sealpost, space: &str) -> Vec<Secret> {
    let made = alice.json(["invite", "create", space]);
    let link = made[0]["link"].as_str().unwrap();
    let joined = carol.json(["join", link, "--name", space]);
    assert_eq!(joined[0]["state"], "member");
    Secret::of_invite_link(link)
}

/// An agent is paired, approved, and answers what Alice says.
pub(super) fn pair(alice: &Sealpost, machine: &Sealpost, space: &str, said: [&str; 2]) -> Vec<Secret> {
    let (name, code) = ("helper-with-a-long-name", machine.file("code"));
    let paired = alice.json(["agent", "pair", "--name", name]);
    let written = paired[0]["pairing_code"].as_str().unwrap();
    fs::write(&code, written).unwrap();
    let mut enroll = machine.command(["agent", "enroll", "--json"]);
    enroll.env("SEALPOST_PAIRING_FILE", code);
    let enrolled = Ended::of(enroll.spawn().unwrap()).expect_done().lines();
    let words = enrolled[0]["fingerprint_words"].as_str().unwrap();
    alice.json(["agent", "approve", name, "--space", space, "--fingerprint", words]);
    let bot = format!("read -r line; echo '{}'", said[1]);
    let mut run = machine.command(["agent", "run", "--", "sh", "-c", &bot]);
    let running = run.spawn().unwrap();
    alice.json(["send", space, said[0]]);
    Ended::of(running).expect_done();
    let mut secrets = Secret::of_pairing_code(written);
    secrets.push(Secret::new("name of the agent", name).that_the_relay_sees());
    secrets.extend(said.map(|text| Secret::new("text with an agent", text)));
    secrets
}

/// Alice writes her account to a file.
pub(super) fn export(alice: &Sealpost) -> Secret {
    let passphrase = alice.file("export-passphrase");
    fs::write(&passphrase, EXPORT_PASSPHRASE).unwrap();
    let mut export = alice.command(["account", "export"]);
    export
        .arg(alice.file("exported"))
        .env("SEALPOST_EXPORT_PASSPHRASE_FILE", passphrase);
    Ended::of(export.spawn().unwrap()).expect_done();
    Secret::new("passphrase of an exported account", EXPORT_PASSPHRASE)
}
