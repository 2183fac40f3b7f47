//! Alice puts a file and a folder, and gets them back.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};
use sealpost_protocol::blob::BlobReference;
use serde_json::Value;

use super::secret::Secret;
use crate::command::Sealpost;

const SPACE: &str = "the pantry under the stairs";
const NAMES: [&str; 2] = ["bread for the heron.txt", "letters from the miller"];
const CONTENTS: [&str; 2] = [
    "two loaves and a handful of oats",
    "the key to the mill hangs behind the door",
];

/// Tells it; the keys of the files are secrets, too.
pub(super) fn put_and_get(alice: &Sealpost) -> Vec<Secret> {
    let (file, folder) = (alice.file(NAMES[0]), alice.file(NAMES[1]));
    fs::write(&file, CONTENTS[0]).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("letter"), CONTENTS[1]).unwrap();
    alice.json(["space", "create", SPACE]);
    alice.json(["put", SPACE, file.to_str().unwrap(), folder.to_str().unwrap()]);
    for (number, name) in NAMES.into_iter().enumerate() {
        let to = alice.file(&format!("got-{number}"));
        alice.json(["get", SPACE, name, "--to", to.to_str().unwrap()]);
    }
    let mut secrets = vec![Secret::new("name of the space of files", SPACE)];
    secrets.extend(NAMES.map(|name| Secret::new("name of a file", name)));
    secrets.extend(CONTENTS.map(|content| Secret::new("content of a file", content)));
    secrets.extend(alice.json(["tail", SPACE]).iter().map(key));
    secrets
}

/// The key in a message that refers to a file.
fn key(message: &Value) -> Secret {
    let body = message["base64"].as_str().expect("a reference is no text");
    let body = STANDARD.decode(body).expect("it is base64");
    let reference = BlobReference::parse(&body.into()).expect("it is a reference");
    Secret::new("key of a file", &reference.key[..])
}
