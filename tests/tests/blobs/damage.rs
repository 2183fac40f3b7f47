//! What whoever controls the storage can do to a blob, and what its reader gets of it (R49 to R52).

use sealpost_sdk::blob::BlobError;
use sealpost_sdk::{Error, PutOptions};

use crate::shelf::{Shelf, plaintext};

const CHUNK: usize = 65_536;
const STORED_CHUNK: usize = CHUNK + 16;

/// A blob of five chunks and a bit, its bytes, and where they are stored.
async fn stored(shelf: &Shelf) -> (sealpost_sdk::blob::BlobReference, Vec<u8>, std::path::PathBuf) {
    let bytes = plaintext(5 * CHUNK + 1_000);
    let before = shelf.objects();
    let reference = shelf.put(&bytes, PutOptions::default()).await;
    let path = shelf
        .objects()
        .into_iter()
        .find(|path| !before.contains(path))
        .unwrap();
    (reference, bytes, path)
}

#[tokio::test]
async fn r49_r50_changed_cut_and_moved_bytes_end_the_file_at_the_last_good_chunk() {
    let shelf = Shelf::new().await;
    let (reference, bytes, path) = stored(&shelf).await;
    let whole = std::fs::read(&path).unwrap();
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let flip = |at: usize| -> Change { Box::new(move |stored| stored[at] ^= 1) };
    let swap = |one: usize, other: usize| -> Change {
        Box::new(move |stored| {
            let first = stored[one * STORED_CHUNK..(one + 1) * STORED_CHUNK].to_vec();
            let second = stored[other * STORED_CHUNK..(other + 1) * STORED_CHUNK].to_vec();
            stored[one * STORED_CHUNK..(one + 1) * STORED_CHUNK].copy_from_slice(&second);
            stored[other * STORED_CHUNK..(other + 1) * STORED_CHUNK].copy_from_slice(&first);
        })
    };
    let last = whole.len() - 1;
    let cases: Vec<(&str, Change, usize)> = vec![
        ("the first byte", flip(0), 0),
        ("a tag", flip(STORED_CHUNK - 1), 0),
        ("the first byte of a chunk", flip(2 * STORED_CHUNK), 2),
        ("the middle of a chunk", flip(3 * STORED_CHUNK + 999), 3),
        ("the last byte", flip(last), 5),
        ("two chunks swapped", swap(1, 3), 1),
        (
            "a chunk repeated",
            Box::new(|stored| stored.copy_within(0..STORED_CHUNK, STORED_CHUNK)),
            1,
        ),
    ];
    for (what, change, good) in cases {
        let mut damaged = whole.clone();
        change(&mut damaged);
        std::fs::write(&path, damaged).unwrap();
        let (got, ended) = shelf.get(&reference).await;
        let chunk = good as u32;
        assert!(
            matches!(&ended, Err(Error::Blob(BlobError::Damaged { chunk: at })) if *at == chunk),
            "{what}: {ended:?}"
        );
        assert!(got == bytes[..good * CHUNK], "{what}: {} bytes", got.len());
    }
}

#[tokio::test]
async fn r51_another_blob_or_an_older_version_in_its_place_is_refused() {
    let shelf = Shelf::new().await;
    let (reference, _, path) = stored(&shelf).await;
    let (_, _, other) = stored(&shelf).await;
    std::fs::copy(&other, &path).unwrap();
    let (got, ended) = shelf.get(&reference).await;
    assert!(
        matches!(ended, Err(Error::Blob(BlobError::Damaged { chunk: 0 }))),
        "{ended:?}"
    );
    assert!(got.is_empty());
}
