//! The device key and what it seals.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sealpost_protocol::hash::{Label, framed};
use sealpost_protocol::limits;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{expect_private, file_error, remove_after_failure, remove_if_there, sync_folder};
use crate::entropy;
use crate::error::{Error, StoreError};
use crate::secret::{SecretBytes, SecretKey};

const DEVICE_KEY: &str = "device.key";

/// Seals values under the device key: XChaCha20-Poly1305, random nonce, bound to table and row.
pub(super) struct Vault {
    cipher: XChaCha20Poly1305,
    index_key: Zeroizing<[u8; SecretKey::LENGTH]>,
}

impl Vault {
    /// Reads the device key of `home`. Draws one where there is none, unless there is a database already: that one could
    /// not be read.
    pub(super) fn open(home: &Path, database_exists: bool) -> Result<Self, Error> {
        let path = home.join(DEVICE_KEY);
        if !database_exists {
            create_key(&path)?;
        }
        let key = read_key(&path)?;
        Ok(Self {
            cipher: XChaCha20Poly1305::new(key.expose_bytes().into()),
            index_key: derive(key.expose_bytes(), b"index"),
        })
    }

    /// By what a row is found whose name is secret: the same for the same name, and without the device key of no use.
    pub(super) fn index(&self, table: &'static str, name: &str) -> String {
        let part = framed(Label::DEVICE_STORE, &[table.as_bytes(), name.as_bytes()]);
        hex::encode(derive(&self.index_key, &part))
    }

    pub(super) fn seal(&self, table: &'static str, key: &[&[u8]], value: &[u8]) -> Vec<u8> {
        let nonce: [u8; limits::NONCE] = entropy::draw(&mut entropy::system());
        let payload = Payload {
            msg: value,
            aad: &associated_data(table, key),
        };
        let ciphertext = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a value is far below the cipher's limit of 256 GiB");
        [&nonce[..], &ciphertext].concat()
    }

    pub(super) fn open_value(
        &self,
        table: &'static str,
        key: &[&[u8]],
        sealed: &[u8],
    ) -> Option<SecretBytes> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<{ limits::NONCE }>()?;
        let payload = Payload {
            msg: ciphertext,
            aad: &associated_data(table, key),
        };
        let value = self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
        Some(value.into())
    }

    pub(super) fn open_or_damaged(
        &self,
        table: &'static str,
        key: &[&[u8]],
        sealed: &[u8],
    ) -> Result<SecretBytes, Error> {
        self.open_value(table, key, sealed)
            .ok_or_else(|| StoreError::Damaged { table }.into())
    }
}

/// Deletes the device key of `home`.
pub(super) fn destroy(home: &Path) -> Result<(), Error> {
    remove_if_there(&home.join(DEVICE_KEY))?;
    sync_folder(home)
}

fn derive(key: &[u8; SecretKey::LENGTH], purpose: &[u8]) -> Zeroizing<[u8; SecretKey::LENGTH]> {
    let mut derived = Zeroizing::new([0; SecretKey::LENGTH]);
    Hkdf::<Sha256>::new(None, key)
        .expand(&framed(Label::DEVICE_STORE, &[purpose]), &mut derived[..])
        .expect("32 bytes are below HKDF's limit of 8,160");
    derived
}

fn associated_data(table: &'static str, key: &[&[u8]]) -> Vec<u8> {
    let parts: Vec<&[u8]> = std::iter::once(table.as_bytes())
        .chain(key.iter().copied())
        .collect();
    framed(Label::DEVICE_STORE, &parts)
}

/// Puts a new key at `path` unless there is one. It appears whole or not at all: another process may be doing the same.
fn create_key(path: &Path) -> Result<(), Error> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = write_unfinished(path)?;
    let linked = std::fs::hard_link(&unfinished, path);
    remove_if_there(&unfinished)?;
    match linked {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => Err(file_error("creating", path, source)),
        _ => sync_folder(path.parent().expect("the key lies in the home folder")),
    }
}

fn write_unfinished(path: &Path) -> Result<PathBuf, Error> {
    let mut rng = entropy::system();
    let name = hex::encode(entropy::draw::<8>(&mut rng));
    let unfinished = path.with_extension(name);
    let key = SecretKey::generate(&mut rng);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(key.expose_bytes())?;
            file.sync_all()
        })
        .map_err(|source| {
            remove_after_failure(&unfinished);
            file_error("writing", &unfinished, source)
        })?;
    Ok(unfinished)
}

fn read_key(path: &Path) -> Result<SecretKey, Error> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => StoreError::DeviceKeyMissing(path.to_owned()).into(),
        _ => file_error("reading the device key", path, source),
    };
    let file = File::open(path).map_err(failed)?;
    expect_private(path)?;
    let mut bytes = SecretBytes::new(Vec::with_capacity(SecretKey::LENGTH + 1));
    file.take(SecretKey::LENGTH as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    SecretKey::from_slice(&bytes).ok_or_else(|| failed(ErrorKind::InvalidData.into()))
}
