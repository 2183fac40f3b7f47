//! What storage, a relay or a fellow member may do to stored bytes, and what a reader gets to see of it.

use super::*;

const CHUNKS: usize = 4;

async fn blob() -> Stored {
    let stored = store(&plaintext(CHUNKS * BLOB_CHUNK - 1000)).await;
    assert_eq!(stored.bytes.len().div_ceil(STORED_CHUNK), CHUNKS);
    stored
}

/// Reads damaged bytes: the error, after whole chunks of the true plaintext and nothing else.
async fn refused(bytes: &[u8], reference: &BlobReference) -> BlobError {
    let (read, end) = read(bytes, reference).await;
    let truth = plaintext(CHUNKS * BLOB_CHUNK - 1000);
    assert!(truth.starts_with(&read), "something else was given out");
    end.unwrap_err()
}

fn chunk(stored: &Stored, index: usize) -> &[u8] {
    stored.bytes.chunks(STORED_CHUNK).nth(index).unwrap()
}

#[tokio::test]
async fn a_flipped_byte_of_any_kind_ends_the_reading_at_its_chunk() {
    let stored = blob().await;
    for index in 0..CHUNKS {
        let length = chunk(&stored, index).len();
        for offset in [0, 1, length / 2, length - TAG - 1, length - TAG, length - 1] {
            let mut bytes = stored.bytes.clone();
            bytes[index * STORED_CHUNK + offset] ^= 1;
            let error = refused(&bytes, &stored.reference).await;
            let found = matches!(error, BlobError::Damaged { chunk } if chunk as usize == index);
            assert!(found, "chunk {index}, byte {offset}: {error}");
        }
    }
}

#[tokio::test]
async fn a_blob_cut_anywhere_is_refused_and_one_that_goes_on_too() {
    let stored = blob().await;
    let length = stored.bytes.len();
    for end in [
        0,
        1,
        TAG,
        STORED_CHUNK - 1,
        STORED_CHUNK,
        STORED_CHUNK + 1,
        3 * STORED_CHUNK,
        length - 1,
    ] {
        let error = refused(&stored.bytes[..end], &stored.reference).await;
        assert!(matches!(error, BlobError::Damaged { .. }), "{end}: {error}");
    }
    let longer = [&stored.bytes[..], &[0]].concat();
    assert!(matches!(
        refused(&longer, &stored.reference).await,
        BlobError::TooLong
    ));
}

#[tokio::test]
async fn chunks_that_are_moved_doubled_or_of_another_blob_are_refused() {
    let (stored, other) = (blob().await, blob().await);
    let part = |index| chunk(&stored, index);
    for (why, bytes) in [
        ("swapped", [part(1), part(0), part(2), part(3)].concat()),
        ("doubled", [part(0), part(0), part(2), part(3)].concat()),
        ("left out", [part(0), part(2), part(3)].concat()),
        (
            "of another blob",
            [part(0), chunk(&other, 1), part(2), part(3)].concat(),
        ),
        ("another blob", other.bytes.clone()),
    ] {
        let error = refused(&bytes, &stored.reference).await;
        assert!(matches!(error, BlobError::Damaged { .. }), "{why}: {error}");
    }
}

#[tokio::test]
async fn a_reference_moved_to_another_space_epoch_id_or_length_opens_nothing() {
    let stored = blob().await;
    let mut altered = [(); 3].map(|()| stored.reference.clone());
    altered[0].epoch += 1;
    altered[1].blob_id = BlobId::new([9; 16]);
    // Of the same padded length, so that only the last chunk can tell.
    altered[2].size = BlobSize::new(stored.reference.size.length() - 1).unwrap();
    assert_eq!(altered[2].size.stored(), stored.reference.size.stored());
    for reference in &altered {
        let error = refused(&stored.bytes, reference).await;
        assert!(
            matches!(error, BlobError::Damaged { .. }),
            "{reference:?}: {error}"
        );
    }
    let mut elsewhere = BlobReader::new(SpaceId::new([0x52; 32]), &stored.reference, &stored.bytes[..]);
    assert!(matches!(
        elsewhere.next_chunk().await,
        Err(BlobError::Damaged { chunk: 0 })
    ));
}

/// Members know the key. One who also has the storage can seal something else under it, but not with the author's hash.
#[tokio::test]
async fn a_blob_that_a_fellow_member_sealed_anew_is_refused_at_its_end() {
    let stored = store(b"the true one").await;
    let forged = resealed(&stored, *b"the false 1!");
    let (_, end) = read(&forged, &stored.reference).await;
    assert!(matches!(end, Err(BlobError::Replaced)), "{end:?}");
}

#[tokio::test]
async fn padding_that_is_not_zero_is_refused() {
    let stored = store(b"short").await;
    let hidden = resealed(&stored, *b"short, and hidden");
    let (read, end) = read(&hidden, &stored.reference).await;
    assert!(
        read.is_empty() && matches!(end, Err(BlobError::Damaged { chunk: 0 })),
        "{end:?}"
    );
}

/// The only chunk of a short blob, with another beginning.
fn resealed<const N: usize>(stored: &Stored, beginning: [u8; N]) -> Vec<u8> {
    let reference = &stored.reference;
    let place = BlobPlace {
        space_id: SPACE,
        epoch: reference.epoch,
        blob_id: reference.blob_id,
    };
    let mut chunk = vec![0; reference.size.chunk_length(0)];
    chunk[..N].copy_from_slice(&beginning);
    BlobCipher::new(&reference.key, &place).seal(0, Some(reference.size), &mut chunk);
    chunk
}
