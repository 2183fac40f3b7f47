//! Data keys: the keys that seal rows.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::associated_data::length_prefixed;
use crate::entropy::Entropy;

/// Length of a data key, in bytes.
pub(super) const DATA_KEY_BYTES: usize = 32;

/// What one data key is for. There is one key per scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyScope {
    /// Accounts, principals, sessions and the OPAQUE server setup.
    Directory,
    /// The key of the blind index.
    Index,
    /// The key of the receipts.
    Receipt,
    /// The key that signs checkpoints.
    Checkpoint,
    /// The rows of the space with this number.
    Space(i64),
}

impl KeyScope {
    /// The name under which the scope is stored and authenticated. It never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Index => "index",
            Self::Receipt => "receipt",
            Self::Checkpoint => "checkpoint",
            Self::Space(_) => "space",
        }
    }

    /// The number of the space, where the scope is one.
    pub fn space_number(self) -> Option<i64> {
        match self {
            Self::Space(number) => Some(number),
            Self::Directory | Self::Index | Self::Receipt | Self::Checkpoint => None,
        }
    }

    /// The scope with that name and space number; `None` where the two do not fit together.
    pub fn from_parts(name: &str, space_number: Option<i64>) -> Option<Self> {
        match (name, space_number) {
            ("directory", None) => Some(Self::Directory),
            ("index", None) => Some(Self::Index),
            ("receipt", None) => Some(Self::Receipt),
            ("checkpoint", None) => Some(Self::Checkpoint),
            ("space", Some(number)) => Some(Self::Space(number)),
            _ => None,
        }
    }

    /// What a wrapped key of this scope is bound to, so that nobody who can write the database can pass
    /// one space's key off as another's.
    pub(super) fn associated_data(self, id: DataKeyId) -> Vec<u8> {
        let number = self.space_number().map(i64::to_be_bytes);
        let number = number.as_ref().map_or(&[][..], |bytes| bytes);
        length_prefixed(&[
            b"sealpost/v1/data-key",
            self.name().as_bytes(),
            number,
            id.as_bytes(),
        ])
    }
}

/// The public name of a data key: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataKeyId([u8; 16]);

impl DataKeyId {
    /// Draws a new id.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for DataKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DataKeyId({self})")
    }
}

impl fmt::Display for DataKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

/// 32 secret bytes. On the heap, so that moving the key leaves no copies behind; wiped on drop.
pub struct DataKey(Box<[u8; DATA_KEY_BYTES]>);

impl DataKey {
    /// Draws a new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::fill_with(|bytes| entropy.fill(bytes))
    }

    /// A key whose bytes `fill` writes in place.
    pub(super) fn fill_with(fill: impl FnOnce(&mut [u8; DATA_KEY_BYTES])) -> Self {
        let mut key = Self(Box::new([0; DATA_KEY_BYTES]));
        fill(&mut key.0);
        key
    }

    /// As [`Self::fill_with`], where writing the bytes may fail.
    pub(super) fn try_fill_with<E>(
        fill: impl FnOnce(&mut [u8; DATA_KEY_BYTES]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut result = Ok(());
        let key = Self::fill_with(|bytes| result = fill(bytes));
        result.map(|()| key)
    }

    /// A copy of `bytes`; `None` if they are not as many as a key has.
    pub(super) fn try_from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; DATA_KEY_BYTES] = bytes.try_into().ok()?;
        Some(Self::fill_with(|key| key.copy_from_slice(bytes)))
    }

    /// The secret bytes. Whoever calls this must not copy them to where they stay.
    pub fn expose_bytes(&self) -> &[u8; DATA_KEY_BYTES] {
        &self.0
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for DataKey {}

/// A data key ready for use. Only [`DataKeys`](super::DataKeys) makes one, so whoever holds one holds a
/// key whose wrapped form is stored.
pub struct OpenDataKey {
    id: DataKeyId,
    scope: KeyScope,
    key: DataKey,
}

impl OpenDataKey {
    pub(super) fn new(id: DataKeyId, scope: KeyScope, key: DataKey) -> Self {
        Self { id, scope, key }
    }

    /// The public name of the key.
    pub fn id(&self) -> DataKeyId {
        self.id
    }

    /// What the key is for.
    pub fn scope(&self) -> KeyScope {
        self.scope
    }

    /// The secret bytes. Whoever calls this must not copy them to where they stay.
    pub fn expose_bytes(&self) -> &[u8; DATA_KEY_BYTES] {
        self.key.expose_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wipes_itself<T: ZeroizeOnDrop>() {}

    #[test]
    fn a_data_key_is_a_type_that_wipes_itself() {
        wipes_itself::<DataKey>();
    }

    #[test]
    fn every_scope_survives_its_stored_form() {
        for scope in [
            KeyScope::Directory,
            KeyScope::Index,
            KeyScope::Receipt,
            KeyScope::Checkpoint,
            KeyScope::Space(7),
        ] {
            assert_eq!(
                KeyScope::from_parts(scope.name(), scope.space_number()),
                Some(scope)
            );
        }
    }

    #[test]
    fn a_scope_whose_parts_do_not_fit_is_refused() {
        assert_eq!(KeyScope::from_parts("space", None), None);
        assert_eq!(KeyScope::from_parts("directory", Some(1)), None);
        assert_eq!(KeyScope::from_parts("other", None), None);
    }

    #[test]
    fn associated_data_differs_by_scope_space_and_id() {
        let (first, second) = (DataKeyId::from_bytes([1; 16]), DataKeyId::from_bytes([2; 16]));
        let bound = [
            KeyScope::Space(1).associated_data(first),
            KeyScope::Space(2).associated_data(first),
            KeyScope::Space(1).associated_data(second),
            KeyScope::Directory.associated_data(first),
            KeyScope::Index.associated_data(first),
        ];
        let distinct: std::collections::BTreeSet<_> = bound.iter().collect();
        assert_eq!(distinct.len(), bound.len());
    }
}
