use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use sealpost_protocol::ids::{BlobId, SpaceId};
use sealpost_protocol::limits::{BLOB_CHUNK, STORED_CHUNK, TAG};

use tokio::io::{AsyncRead, ReadBuf};

use super::cipher::{BlobCipher, BlobPlace};
use super::*;

mod damage;
mod vectors;

const SPACE: SpaceId = SpaceId::new([0x51; 32]);
const EPOCH: u64 = 7;

/// A blob as its storage and its readers have it.
struct Stored {
    bytes: Vec<u8>,
    reference: BlobReference,
}

fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

async fn store(plaintext: &[u8]) -> Stored {
    let mut sealer = BlobSealer::new(SPACE, EPOCH, plaintext);
    let mut bytes = Vec::new();
    while let Some(chunk) = sealer.next_chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    let reference = sealer.finish().unwrap().reference("photo.jpg", "image/jpeg");
    Stored { bytes, reference }
}

/// What comes out, and how it ended: chunk by chunk, and the same all at once.
async fn read(stored: &[u8], reference: &BlobReference) -> (Vec<u8>, Result<(), BlobError>) {
    let by_chunk = read_by_chunk(stored, reference).await;
    let mut plaintext = Vec::new();
    let mut opener = WholeOpener::new(SPACE, reference);
    let opened = opener.open(stored, &mut plaintext).and_then(|()| opener.finish());
    assert_eq!(plaintext, by_chunk.0);
    assert_eq!(format!("{opened:?}"), format!("{:?}", by_chunk.1));
    by_chunk
}

async fn read_by_chunk(stored: &[u8], reference: &BlobReference) -> (Vec<u8>, Result<(), BlobError>) {
    let mut reader = BlobReader::new(SPACE, reference, stored);
    let mut plaintext = Vec::new();
    loop {
        match reader.next_chunk().await {
            Ok(Some(chunk)) => plaintext.extend_from_slice(&chunk),
            Ok(None) => return (plaintext, Ok(())),
            Err(error) => return (plaintext, Err(error)),
        }
    }
}

#[tokio::test]
async fn blobs_of_every_length_around_a_chunk_round_trip() {
    for length in [
        0,
        1,
        255,
        257,
        BLOB_CHUNK - 1,
        BLOB_CHUNK,
        BLOB_CHUNK + 1,
        7 * BLOB_CHUNK + 13,
    ] {
        let stored = store(&plaintext(length)).await;
        assert_eq!(
            stored.bytes.len() as u64,
            stored.reference.size.stored(),
            "{length}"
        );
        assert_eq!(stored.reference.size.length(), length as u64);
        let (read, end) = read(&stored.bytes, &stored.reference).await;
        assert!(end.is_ok() && read == plaintext(length), "{length}: {end:?}");
    }
}

#[tokio::test]
async fn a_pipe_that_gives_a_few_bytes_at_a_time_seals_like_a_file() {
    let whole = plaintext(2 * BLOB_CHUNK + 5);
    let (mut writer, reader) = tokio::io::duplex(1000);
    let expected = whole.clone();
    let writing = tokio::spawn(async move {
        tokio::io::AsyncWriteExt::write_all(&mut writer, &whole)
            .await
            .unwrap();
    });
    let mut sealer = BlobSealer::new(SPACE, EPOCH, reader);
    let mut bytes = Vec::new();
    while let Some(chunk) = sealer.next_chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    writing.await.unwrap();
    let reference = sealer.finish().unwrap().reference("", "");
    assert_eq!(read(&bytes, &reference).await.0, expected);
}

#[tokio::test]
async fn any_chunk_opens_by_itself() {
    let stored = store(&plaintext(4 * BLOB_CHUNK + 100)).await;
    let opener = ChunkOpener::new(SPACE, &stored.reference);
    for (index, chunk) in stored.bytes.chunks(STORED_CHUNK).enumerate().rev() {
        let mut chunk = chunk.to_vec();
        opener.open(index as u32, &mut chunk).unwrap();
        let whole = plaintext(4 * BLOB_CHUNK + 100);
        let expected = whole.chunks(BLOB_CHUNK).nth(index).unwrap_or_default();
        assert_eq!(chunk, expected, "{index}");
    }
}

#[tokio::test]
async fn a_sealer_that_was_not_read_to_its_end_has_no_reference() {
    let bytes = plaintext(BLOB_CHUNK * 2);
    let mut sealer = BlobSealer::new(SPACE, EPOCH, &bytes[..]);
    sealer.next_chunk().await.unwrap();
    assert!(sealer.finish().is_none());
}

#[tokio::test]
async fn no_two_blobs_share_a_key() {
    let (first, second) = (store(b"same").await, store(b"same").await);
    assert_ne!(first.reference.key, second.reference.key);
    assert_ne!(first.bytes, second.bytes);
}

/// Gives its bytes in pieces, and fails once between any two.
struct Faltering<'a> {
    rest: &'a [u8],
    fails: bool,
}

impl AsyncRead for Faltering<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.fails = !self.fails;
        if self.fails {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let (piece, rest) = self
            .rest
            .split_at(self.rest.len().min(10_000).min(buffer.remaining()));
        buffer.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn reading_that_failed_goes_on_and_seals_nothing_else_than_what_was_read() {
    for length in [10, BLOB_CHUNK, 2 * BLOB_CHUNK + 5] {
        let plaintext = plaintext(length);
        let source = Faltering {
            rest: &plaintext,
            fails: false,
        };
        let mut sealer = BlobSealer::new(SPACE, EPOCH, source);
        let (mut bytes, mut failures) = (Vec::new(), 0);
        loop {
            match sealer.next_chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => failures += 1,
            }
        }
        assert!(failures > 0);
        let reference = sealer.finish().unwrap().reference("", "");
        let (read_back, ended) = read(&bytes, &reference).await;
        assert!(ended.is_ok() && read_back == plaintext, "{length} bytes");
    }
}
