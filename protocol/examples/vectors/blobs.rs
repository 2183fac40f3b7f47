use bytes::Bytes;
use prost::Message;
use sealpost_protocol::blob::{BlobReference, BlobSize};
use sealpost_protocol::canonical::encode;
use sealpost_protocol::ids::BlobId;
use sealpost_protocol::limits;
use sealpost_protocol::wire;
use serde_json::{Value, json};

use super::File;

pub fn blob_reference() -> File {
    let reference = BlobReference {
        blob_id: BlobId::new([1; 16]),
        key: [2; 32].into(),
        epoch: 3,
        size: BlobSize::new(1_000_000).expect("below the limit"),
        ciphertext_hash: [4; 32],
        name: "Küche.jpg".to_owned(),
        content_type: "image/jpeg".to_owned(),
    };
    let bytes = reference.encode().expect("a good name");
    let with = |change: &dyn Fn(&mut wire::BlobReference)| {
        let mut message = wire::BlobReference::decode(bytes.clone()).expect("our own");
        change(&mut message);
        encode(&message)
    };
    let named = |name: &str| with(&|message| message.name = name.to_owned());
    let size_of = |length: u64| with(&|message| message.length = length);
    let short = Bytes::from_static(&[7; 15]);
    let vectors = vec![
        valid(&bytes, "a photo"),
        valid(&named(""), "no name"),
        valid(&with(&|message| message.content_type.clear()), "no type"),
        valid(&size_of(0), "an empty file: its length is a default and left out"),
        valid(&size_of(limits::MAX_BLOB), "the longest"),
        valid(&named(&"x".repeat(255)), "the longest name"),
        refused(&size_of(limits::MAX_BLOB + 1), "longer than the longest"),
        refused(&size_of(1 << 63), "2^63 bytes"),
        refused(&with(&|message| message.version = 2), "another version"),
        refused(&with(&|message| message.blob_id = short.clone()), "a short id"),
        refused(&with(&|message| message.key = short.clone()), "a short key"),
        refused(
            &with(&|message| message.ciphertext_hash = short.clone()),
            "a short hash",
        ),
        refused(&with(&|message| message.epoch = 0), "no epoch"),
        refused(
            &with(&|message| message.chunk_size = 65_537),
            "another chunk size",
        ),
        refused(&named(&"x".repeat(256)), "a name that is too long"),
        refused(&named(".."), "the folder above"),
        refused(&named("a/b"), "a path"),
        refused(&named("a\\b"), "a path of another system"),
        refused(&named("a\u{1b}[2J"), "a control character"),
        refused(&named("photo\u{202e}gpj.exe"), "text that is turned round"),
        refused(
            &with(&|message| message.content_type = "a\nb".to_owned()),
            "a line end in the type",
        ),
        refused(
            &[&bytes[..], &[0x78, 1]].concat().into(),
            "a field that does not exist",
        ),
        refused(&bytes.slice(..bytes.len() - 1), "cut short"),
    ];
    ("References to blobs, as messages carry them.", vectors)
}

fn valid(reference: &Bytes, why: &str) -> Value {
    let size = BlobReference::parse(reference).expect(why).size;
    let (padded, chunks, stored) = (size.padded(), size.chunks(), size.stored());
    let size = json!({ "length": size.length(), "padded": padded, "chunks": chunks, "stored": stored });
    json!({ "why": why, "reference": hex::encode(reference), "size": size })
}

fn refused(reference: &Bytes, why: &str) -> Value {
    json!({ "why": why, "reference": hex::encode(reference), "size": Value::Null })
}
