//! The key file: the wrapping key of the embedded default, where no OpenBao runs.
//!
//! It protects a copy of the database, not a copy of the whole disk.
//!
//! A wrapped key is `version (1 byte) ‖ key file id (16) ‖ nonce (24) ‖ ciphertext (32) ‖ tag (16)`.

mod file;

use std::{path::Path, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt, ready};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use self::file::KeyFileError;
use super::{
    aead,
    data_key::DataKey,
    key_wrapper::{
        KeyToUnwrap, KeyToWrap, KeyWrapError, KeyWrapper, UnwrapResult, WrappedKey, WrapperDescription,
    },
};
use crate::entropy::Entropy;

/// The only format so far.
const FORMAT_VERSION: u8 = 1;
const ID_BYTES: usize = 16;

/// A [`KeyWrapper`] whose key stands in a local file with mode 0600.
pub struct KeyFile {
    id: [u8; ID_BYTES],
    key: DataKey,
    entropy: Arc<dyn Entropy>,
}

impl KeyFile {
    /// Reads the key file at `path`. Blocks.
    pub fn open(path: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, KeyFileError> {
        Ok(Self::with_key(file::read(path)?, entropy))
    }

    /// Draws a new key and writes it to `path`, where no file may be yet. Blocks.
    pub fn create(path: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, KeyFileError> {
        let key = DataKey::generate(&*entropy);
        file::create(path, &key, &*entropy)?;
        Ok(Self::with_key(key, entropy))
    }

    /// Reads the key file at `path`, or creates it where there is none. Blocks.
    ///
    /// Only for who knows that nothing is wrapped yet: beside wrapped keys, a new file hides that the old one is lost.
    pub fn open_or_create(path: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, KeyFileError> {
        match Self::create(path, Arc::clone(&entropy)) {
            Err(KeyFileError::Exists) => Self::open(path, entropy),
            result => result,
        }
    }

    /// A key file whose content was kept elsewhere: in a backup.
    ///
    /// # Errors
    /// [`KeyFileError::Damaged`].
    pub fn from_content(content: &[u8], entropy: Arc<dyn Entropy>) -> Result<Self, KeyFileError> {
        let key = file::parse(content).ok_or(KeyFileError::Damaged)?;
        Ok(Self::with_key(key, entropy))
    }

    /// The content of the file. Whoever calls this must not copy it to where it stays unencrypted.
    #[must_use]
    pub fn expose_content(&self) -> Zeroizing<String> {
        file::render(&self.key)
    }

    /// Writes the file to `path`, where no file may be yet. Blocks.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`], or what the file system gave.
    pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
        file::create(path, &self.key, &*self.entropy)
    }

    /// The public name of the key, in hexadecimal.
    #[must_use]
    pub fn name(&self) -> String {
        hex::encode(self.id)
    }

    fn with_key(key: DataKey, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            id: file::id_of(&key),
            key,
            entropy,
        }
    }

    fn header(&self) -> [u8; 1 + ID_BYTES] {
        let mut header = [FORMAT_VERSION; 1 + ID_BYTES];
        header[1..].copy_from_slice(&self.id);
        header
    }

    fn wrap(&self, item: &KeyToWrap<'_>) -> WrappedKey {
        let wrapped = aead::seal(
            self.key.expose_bytes(),
            &*self.entropy,
            &self.header(),
            &item.associated_data,
            item.key.expose_bytes(),
        );
        WrappedKey::from_bytes(wrapped)
    }

    fn unwrap(&self, item: &KeyToUnwrap<'_>) -> Result<DataKey, KeyWrapError> {
        let (header, body) = item
            .wrapped
            .as_bytes()
            .split_first_chunk::<{ 1 + ID_BYTES }>()
            .ok_or(KeyWrapError::Corrupt("too short".into()))?;
        self.check_header(header)?;
        let mut body = Zeroizing::new(body.to_vec());
        let text = aead::open_in_place(self.key.expose_bytes(), &item.associated_data, &mut body).ok_or(
            KeyWrapError::Corrupt("altered, or moved from another place".into()),
        )?;
        DataKey::try_from_slice(&body[text]).ok_or(KeyWrapError::Corrupt("not the length of a key".into()))
    }

    fn check_header(&self, header: &[u8; 1 + ID_BYTES]) -> Result<(), KeyWrapError> {
        match header {
            [FORMAT_VERSION, id @ ..] if *id == self.id => Ok(()),
            [FORMAT_VERSION, ..] => Err(KeyWrapError::Corrupt("wrapped under another key file".into())),
            _ => Err(KeyWrapError::Corrupt(
                "not wrapped by a key file, or by a newer relay".into(),
            )),
        }
    }

    fn round_trip(&self) -> Result<(), KeyWrapError> {
        let key = DataKey::generate(&*self.entropy);
        let wrapped = self.wrap(&KeyToWrap {
            associated_data: Vec::new(),
            key: &key,
        });
        let opened = self.unwrap(&KeyToUnwrap {
            associated_data: Vec::new(),
            wrapped: &wrapped,
        })?;
        let same = opened.expose_bytes().ct_eq(key.expose_bytes());
        bool::from(same)
            .then_some(())
            .ok_or(KeyWrapError::Internal("canary came back changed".into()))
    }
}

impl KeyWrapper for KeyFile {
    fn wrap_batch<'a>(
        &'a self,
        items: &'a [KeyToWrap<'a>],
    ) -> BoxFuture<'a, Result<Vec<WrappedKey>, KeyWrapError>> {
        ready(Ok(items.iter().map(|item| self.wrap(item)).collect())).boxed()
    }

    fn unwrap_batch<'a>(&'a self, items: &'a [KeyToUnwrap<'a>]) -> BoxFuture<'a, UnwrapResult> {
        async { Ok(items.iter().map(|item| self.unwrap(item)).collect()) }.boxed()
    }

    fn canary(&self) -> BoxFuture<'_, Result<(), KeyWrapError>> {
        ready(self.round_trip()).boxed()
    }

    fn is_outdated(&self, _wrapped: &WrappedKey) -> bool {
        // A key file has one key and no versions.
        false
    }

    fn describe(&self) -> WrapperDescription {
        WrapperDescription {
            kind: "key-file",
            key_name: self.name(),
            key_version: None,
            credential_seconds_left: None,
        }
    }
}
