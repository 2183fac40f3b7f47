//! Prints the test vectors of one file: `cargo run -p sealpost-protocol --example vectors -- event`.
//!
//! The files in `vectors/` are the truth and no test runs this. It is here so that another vector can be added in the
//! form of those that exist. `signing_key` and `signature` hold points that no signer makes, so they are not printed here.

mod blobs;
mod entries;
mod epochs;
mod hashes;
mod invites;
mod log;
mod membership;
mod messages;
mod people;
mod tables;

use serde_json::{Value, json};

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let (about, vectors) = match name.as_str() {
        "hashing" => hashes::hashing(),
        "padding" => hashes::padding(),
        "root" => hashes::root(),
        "canonical" => messages::canonical(),
        "manifest" => messages::manifest(),
        "agent" => messages::agent(),
        "socket" => messages::socket(),
        "signal" => messages::signal(),
        "frames" => messages::frames(),
        "event_header" => entries::event_header(),
        "event" => entries::event(),
        "control" => entries::control(),
        "log" => log::log(),
        "membership" => membership::membership(),
        "invite" => invites::invite(),
        "epoch" => epochs::epoch(),
        "wraps" => epochs::wraps(),
        "blob_reference" => blobs::blob_reference(),
        "folder" => blobs::folder(),
        "codes" => tables::codes(),
        "limits" => tables::limits(),
        _ => panic!("name one of the files in protocol/vectors, without .json"),
    };
    let file = json!({ "about": about, "vectors": vectors });
    println!(
        "{}",
        serde_json::to_string_pretty(&file).expect("JSON of text and numbers")
    );
}

/// What a file is about, and its vectors.
type File = (&'static str, Vec<Value>);
