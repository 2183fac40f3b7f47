//! Blind indexes: how to look up by value what must not be readable in the database.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::{associated_data::length_prefixed, data_key::OpenDataKey};

/// The domain of one indexed field. Equal values in different fields give unrelated indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexField(&'static str);

impl IndexField {
    /// The field with this label, by convention `table.column`. A label never changes once rows exist.
    pub const fn new(label: &'static str) -> Self {
        Self(label)
    }
}

/// HMAC-SHA256 (RFC 2104) of values under the wrapped index key.
pub struct BlindIndex {
    key: Arc<OpenDataKey>,
}

impl BlindIndex {
    /// An index under `key`, the key of [`KeyScope::Index`](super::KeyScope::Index).
    pub fn new(key: Arc<OpenDataKey>) -> Self {
        Self { key }
    }

    /// The index of `value` in `field`.
    pub fn of(&self, field: IndexField, value: &[u8]) -> BlindIndexValue {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.expose_bytes()).expect("HMAC takes keys of any length");
        mac.update(&length_prefixed(&[b"sealpost/v1/index", field.0.as_bytes()]));
        mac.update(value);
        BlindIndexValue(mac.finalize().into_bytes().into())
    }
}

/// The index of one value: what stands in the database in the place of the value.
///
/// Where the value is a secret (a session token), its index decides whether it is right, so it is compared in
/// constant time only. It has neither `==` nor `Debug`.
#[derive(Clone, Copy)]
pub struct BlindIndexValue([u8; 32]);

impl BlindIndexValue {
    /// The index with these stored bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store or to look up.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl ConstantTimeEq for BlindIndexValue {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atrest::data_key::{DataKey, DataKeyId, KeyScope};

    const HANDLE: IndexField = IndexField::new("accounts.handle");
    const TOKEN: IndexField = IndexField::new("sessions.token");

    fn index_under(byte: u8) -> BlindIndex {
        let key = DataKey::fill_with(|key| key.fill(byte));
        BlindIndex::new(Arc::new(OpenDataKey::new(
            DataKeyId::from_bytes([0; 16]),
            KeyScope::Index,
            key,
        )))
    }

    #[test]
    fn equal_values_of_a_field_have_equal_indexes() {
        let (first, second) = (
            index_under(1).of(HANDLE, b"alice"),
            index_under(1).of(HANDLE, b"alice"),
        );
        assert!(bool::from(first.ct_eq(&second)));
    }

    #[test]
    fn values_fields_and_keys_separate_indexes() {
        let first = index_under(1).of(HANDLE, b"alice");
        for other in [
            index_under(1).of(HANDLE, b"bob"),
            index_under(1).of(TOKEN, b"alice"),
            index_under(2).of(HANDLE, b"alice"),
        ] {
            assert!(!bool::from(first.ct_eq(&other)));
        }
    }

    /// Computed independently:
    /// `hmac(bytes([1])*32, be64(17)+b"sealpost/v1/index"+be64(15)+b"accounts.handle"+b"alice", sha256)`.
    #[test]
    fn the_index_on_disk_does_not_change() {
        let expected = "0ea1b0815c83ee2c4b21f77b0ed136cc26c39eb88f83245f574fbb1e697eb6ae";
        assert_eq!(
            hex::encode(index_under(1).of(HANDLE, b"alice").as_bytes()),
            expected
        );
    }
}
