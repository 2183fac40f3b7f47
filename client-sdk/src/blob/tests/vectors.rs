//! `vectors/blob.json`: what stored bytes must be, for a given key, place and plaintext.

use sealpost_protocol::hash::sha256;
use serde::{Deserialize, Serialize};

use super::*;
use crate::testing::counting::Counting;

const FILE: &str = "vectors/blob.json";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Vectors {
    about: String,
    space_id: String,
    epoch: u64,
    blobs: Vec<Case>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Case {
    why: String,
    blob_id: String,
    key: String,
    /// Of the plaintext, whose byte at offset n is n modulo 251.
    length: u64,
    padded: u64,
    chunks: u32,
    stored: u64,
    /// SHA-256 of all stored bytes.
    ciphertext_hash: String,
    /// The last 32 stored bytes.
    end: String,
    /// Body of a message that refers to it.
    reference: String,
}

async fn case(why: &str, seed: u8, length: usize) -> Case {
    let bytes = plaintext(length);
    let mut sealer = BlobSealer::draw(SPACE, EPOCH, &bytes[..], &mut Counting(seed));
    let mut stored = Vec::new();
    while let Some(chunk) = sealer.next_chunk().await.unwrap() {
        stored.extend_from_slice(&chunk);
    }
    let reference = sealer.finish().unwrap().reference("photo.jpg", "image/jpeg");
    assert_eq!(reference.ciphertext_hash, sha256(&stored));
    Case {
        why: why.to_owned(),
        blob_id: reference.blob_id.to_string(),
        key: hex::encode(&reference.key[..]),
        length: reference.size.length(),
        padded: reference.size.padded(),
        chunks: reference.size.chunks(),
        stored: reference.size.stored(),
        ciphertext_hash: hex::encode(reference.ciphertext_hash),
        end: hex::encode(&stored[stored.len() - 32..]),
        reference: hex::encode(reference.encode().unwrap()),
    }
}

async fn vectors() -> Vectors {
    Vectors {
        about: "Sealed blobs. The plaintext's byte at offset n is n modulo 251.".to_owned(),
        space_id: SPACE.to_string(),
        epoch: EPOCH,
        blobs: vec![
            case("nothing becomes 256 bytes", 0x10, 0).await,
            case("one chunk", 0x20, 1000).await,
            case("exactly one chunk", 0x30, BLOB_CHUNK).await,
            case("one byte more", 0x40, BLOB_CHUNK + 1).await,
            case("padding fills the last chunk", 0x50, 40 * BLOB_CHUNK + 1).await,
        ],
    }
}

#[tokio::test]
async fn blobs_are_those_of_the_file() {
    let text = std::fs::read_to_string(FILE).unwrap();
    let file: Vectors = serde_json::from_str(&text).unwrap();
    assert_eq!(vectors().await, file);
}

#[tokio::test]
#[ignore = "writes the file, when the format gets another vector"]
async fn write_the_file() {
    let text = serde_json::to_string_pretty(&vectors().await).unwrap();
    std::fs::write(FILE, text + "\n").unwrap();
}
