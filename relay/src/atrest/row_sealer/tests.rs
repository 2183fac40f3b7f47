use proptest::prelude::*;

use super::*;
use crate::{
    atrest::data_key::{DataKey, DataKeyId, KeyScope},
    entropy::SystemEntropy,
};

const PLACE: RowAddress<'static> = RowAddress {
    table: "events",
    row_key: &[0, 0, 0, 0, 0, 0, 0, 9],
    row_version: 3,
};

fn sealer() -> RowSealer {
    RowSealer::new(Arc::new(SystemEntropy))
}

fn key_of(scope: KeyScope, id: u8, byte: u8) -> OpenDataKey {
    OpenDataKey::new(
        DataKeyId::from_bytes([id; 16]),
        scope,
        DataKey::fill_with(|key| key.fill(byte)),
    )
}

fn key() -> OpenDataKey {
    key_of(KeyScope::Space(7), 1, 5)
}

/// Counts up from zero, to make a sealed row that can be written down.
struct CountingEntropy;

impl Entropy for CountingEntropy {
    fn fill(&self, destination: &mut [u8]) {
        for (index, byte) in destination.iter_mut().enumerate() {
            *byte = u8::try_from(index).expect("a nonce is short");
        }
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens_to_the_same_bytes(plaintext: Vec<u8>) {
        let sealed = sealer().seal(&key(), &PLACE, &plaintext);
        prop_assert_eq!(sealed.len(), plaintext.len() + RowSealer::OVERHEAD_BYTES);
        let secret = sealer().open_secret(&key(), &PLACE, &sealed).expect("authentic");
        prop_assert_eq!(&*secret, &plaintext);
        prop_assert_eq!(sealer().open(&key(), &PLACE, sealed), Ok(Bytes::from(plaintext)));
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
        prop_assert!(sealer().open_secret(&key(), &PLACE, &bytes).is_err());
        prop_assert!(sealer().open(&key(), &PLACE, bytes).is_err());
    }
}

#[test]
fn a_flip_of_any_bit_is_refused() {
    let sealed = sealer().seal(&key(), &PLACE, b"some row");
    for position in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[position / 8] ^= 1 << (position % 8);
        assert!(
            sealer().open_secret(&key(), &PLACE, &altered).is_err(),
            "bit {position}"
        );
        assert!(sealer().open(&key(), &PLACE, altered).is_err(), "bit {position}");
    }
}

#[test]
fn every_cut_is_refused() {
    let sealed = sealer().seal(&key(), &PLACE, b"some row");
    for length in 0..sealed.len() {
        let cut = sealed[..length].to_vec();
        assert!(
            sealer().open_secret(&key(), &PLACE, &cut).is_err(),
            "{length} bytes"
        );
        assert!(sealer().open(&key(), &PLACE, cut).is_err(), "{length} bytes");
    }
}

#[test]
fn a_row_does_not_open_in_another_place() {
    let sealed = sealer().seal(&key(), &PLACE, b"some row");
    for elsewhere in [
        RowAddress {
            table: "wraps",
            ..PLACE
        },
        RowAddress {
            row_key: &[0, 0, 0, 0, 0, 0, 0, 8],
            ..PLACE
        },
        RowAddress {
            row_version: 2,
            ..PLACE
        },
    ] {
        let opened = sealer().open(&key(), &elsewhere, sealed.clone());
        assert_eq!(opened, Err(RowOpenError::NotAuthentic), "{elsewhere:?}");
    }
}

#[test]
fn a_row_does_not_open_under_another_key_id_space_or_key() {
    let sealed = sealer().seal(&key(), &PLACE, b"some row");
    for other in [
        key_of(KeyScope::Space(8), 1, 5),
        key_of(KeyScope::Directory, 1, 5),
        key_of(KeyScope::Space(7), 2, 5),
        key_of(KeyScope::Space(7), 1, 6),
    ] {
        assert_eq!(
            sealer().open(&other, &PLACE, sealed.clone()),
            Err(RowOpenError::NotAuthentic)
        );
    }
}

#[test]
fn a_format_of_the_future_is_named() {
    let mut sealed = sealer().seal(&key(), &PLACE, b"some row");
    sealed[0] = 2;
    assert_eq!(
        sealer().open(&key(), &PLACE, sealed),
        Err(RowOpenError::UnknownVersion(2))
    );
}

#[test]
fn the_same_row_sealed_twice_differs() {
    let (first, second) = (
        sealer().seal(&key(), &PLACE, b"row"),
        sealer().seal(&key(), &PLACE, b"row"),
    );
    assert_ne!(first, second);
}

/// Computed independently, from the draft's text.
#[test]
fn the_format_on_disk_does_not_change() {
    let sealed = RowSealer::new(Arc::new(CountingEntropy)).seal(&key(), &PLACE, b"some row");
    let expected = concat!(
        "01",                                               // format
        "000102030405060708090a0b0c0d0e0f1011121314151617", // nonce
        "a7e008d26af031eb",                                 // ciphertext
        "b670c5ac5160aeaecb479c36e7efa574",                 // tag
    );
    assert_eq!(hex::encode(sealed), expected);
}
