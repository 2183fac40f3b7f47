//! What shows that a manifest is the one that was written: `manifest.seal`.
//!
//! Encryption to a recipient shows nothing, as whoever knows the recipient can do it. So each backup draws a key for an HMAC over
//! its manifest. The key lies in the seal twice: encrypted to the recipient, for a look without any live system, and wrapped by the
//! key service, which only the deployment can do. Both have to give the same key, the second wherever the key service can be asked.

use std::io::{self, Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    BackupError,
    envelope::{Identities, Label, Opened, Recipient, Sealer},
};
use crate::{
    atrest::{DataKey, KeyWrapError, KeyWrapper, WrappedKey, unwrap_manifest_key, wrap_manifest_key},
    entropy::Entropy,
};

/// The seal's file.
pub const FILE: &str = "manifest.seal";
/// What is longer is no seal.
pub const MAX_BYTES: u64 = 64 * 1024;
/// Says what is authenticated.
const LABEL: &[u8] = b"sealpost/v1/backup-manifest\0";

/// What `manifest.seal` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// HMAC-SHA256 over a label and the bytes of the manifest, in hexadecimal.
    mac: String,
    /// The key of it, encrypted to the recipients; base64.
    key_for_recipients: String,
    /// The same, wrapped by the key service; base64.
    key_under_kms: String,
}

/// The key of one manifest. It is wrapped before the keys of the key service are taken, so that those open it.
pub struct ManifestKey {
    key: DataKey,
    under_kms: WrappedKey,
}

impl ManifestKey {
    /// Draws one, for the backup of this name.
    ///
    /// # Errors
    /// When the key service cannot wrap it.
    pub async fn draw(
        backup: &str,
        wrapper: &dyn KeyWrapper,
        entropy: &dyn Entropy,
    ) -> Result<Self, BackupError> {
        let key = DataKey::generate(entropy);
        let under_kms = wrap_manifest_key(wrapper, backup, &key).await?;
        Ok(Self { key, under_kms })
    }
}

/// A seal whose manifest was found to be the one that was written by somebody who knew the recipient.
pub struct OpenedSeal {
    key: Zeroizing<[u8; 32]>,
    under_kms: WrappedKey,
}

impl Seal {
    /// Seals the bytes of a manifest.
    ///
    /// # Errors
    /// When nobody can be encrypted to.
    pub fn make(
        manifest: &[u8],
        label: &Label,
        recipients: &[Recipient],
        key: &ManifestKey,
    ) -> Result<Self, BackupError> {
        let for_recipients =
            encrypt(&key.key, label, recipients).map_err(BackupError::file("encrypt", FILE))?;
        Ok(Self {
            mac: hex::encode(mac(key.key.expose_bytes(), manifest).finalize().into_bytes()),
            key_for_recipients: STANDARD.encode(for_recipients),
            key_under_kms: STANDARD.encode(key.under_kms.as_bytes()),
        })
    }

    /// The bytes of its file.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a seal is texts");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the bytes of its file.
    ///
    /// # Errors
    /// [`BackupError::SealMalformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BackupError> {
        serde_json::from_slice(bytes).map_err(|_| BackupError::SealMalformed)
    }

    /// Checks the bytes of a manifest against it.
    ///
    /// # Errors
    /// [`BackupError::WrongIdentity`], [`BackupError::SealMalformed`], [`BackupError::ManifestChanged`].
    pub fn open(&self, manifest: &[u8], identities: &Identities) -> Result<OpenedSeal, BackupError> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| BackupError::SealMalformed);
        let encrypted = decode(&self.key_for_recipients)?;
        let key = decrypt(&encrypted, identities)?;
        let expected = hex::decode(&self.mac).map_err(|_| BackupError::SealMalformed)?;
        mac(&key, manifest)
            .verify_slice(&expected)
            .map_err(|_| BackupError::ManifestChanged)?;
        let under_kms = WrappedKey::from_bytes(decode(&self.key_under_kms)?);
        Ok(OpenedSeal { key, under_kms })
    }
}

impl OpenedSeal {
    /// Shows that the seal was made by somebody who had the key service.
    ///
    /// # Errors
    /// [`BackupError::SealForged`] where it was not; else how the key service failed.
    pub async fn confirm(&self, backup: &str, wrapper: &dyn KeyWrapper) -> Result<(), BackupError> {
        let key = match unwrap_manifest_key(wrapper, backup, &self.under_kms).await {
            Ok(key) => key,
            Err(KeyWrapError::Corrupt(_)) => return Err(BackupError::SealForged),
            Err(error) => return Err(error.into()),
        };
        match bool::from(key.expose_bytes().ct_eq(&*self.key)) {
            true => Ok(()),
            false => Err(BackupError::SealForged),
        }
    }
}

fn mac(key: &[u8; 32], manifest: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(LABEL);
    mac.update(manifest);
    mac
}

fn encrypt(key: &DataKey, label: &Label, recipients: &[Recipient]) -> io::Result<Vec<u8>> {
    let mut sealer = Sealer::begin(recipients, label, Vec::new())?;
    sealer.write_all(key.expose_bytes())?;
    sealer.finish()
}

fn decrypt(encrypted: &[u8], identities: &Identities) -> Result<Zeroizing<[u8; 32]>, BackupError> {
    let mut opened = match Opened::begin(FILE, encrypted, identities) {
        Err(BackupError::FileChanged { .. }) => return Err(BackupError::SealMalformed),
        opened => opened?,
    };
    let mut key = Zeroizing::new([0; 32]);
    opened
        .read_exact(&mut *key)
        .map_err(|_| BackupError::SealMalformed)?;
    match opened.read(&mut [0]) {
        Ok(0) => Ok(key),
        _ => Err(BackupError::SealMalformed),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{atrest::KeyFile, backup::envelope::Identity, entropy::SystemEntropy};

    fn key_file() -> KeyFile {
        let folder = tempfile::tempdir().unwrap();
        KeyFile::create(&folder.path().join("kms.key"), Arc::new(SystemEntropy)).unwrap()
    }

    fn label() -> Label {
        Label {
            backup: "20261121T201503Z-01020304".into(),
            deployment: "11".repeat(16),
            file: FILE.into(),
        }
    }

    async fn sealed(manifest: &[u8], to: &Identity, by: &KeyFile) -> Seal {
        let recipients = [to.recipient().parse().unwrap()];
        let key = ManifestKey::draw(&label().backup, by, &SystemEntropy)
            .await
            .unwrap();
        let seal = Seal::make(manifest, &label(), &recipients, &key).unwrap();
        Seal::parse(&seal.render()).unwrap()
    }

    #[tokio::test]
    async fn a_seal_holds_for_the_bytes_it_was_made_for_and_for_the_keys_that_made_it() {
        let (alice, keys) = (Identity::generate(), key_file());
        let seal = sealed(b"a manifest", &alice, &keys).await;
        let opened = seal.open(b"a manifest", &alice.into()).unwrap();
        opened.confirm(&label().backup, &keys).await.unwrap();
        let other = opened.confirm("another backup", &keys).await;
        assert!(matches!(other, Err(BackupError::SealForged)));
    }

    #[tokio::test]
    async fn a_manifest_that_was_changed_is_refused() {
        let alice = Identity::generate();
        let seal = sealed(b"a manifest", &alice, &key_file()).await;
        let refused = seal.open(b"b manifest", &alice.into()).err().unwrap();
        assert!(matches!(refused, BackupError::ManifestChanged), "{refused}");
    }

    #[tokio::test]
    async fn a_seal_by_somebody_who_knows_the_recipient_alone_is_a_forgery() {
        let alice = Identity::generate();
        let seal = sealed(b"a manifest", &alice, &key_file()).await;
        let opened = seal.open(b"a manifest", &alice.into()).unwrap();
        let refused = opened.confirm(&label().backup, &key_file()).await.err().unwrap();
        assert!(matches!(refused, BackupError::SealForged), "{refused}");
    }

    #[tokio::test]
    async fn a_seal_does_not_open_to_another_identity() {
        let seal = sealed(b"a manifest", &Identity::generate(), &key_file()).await;
        let refused = seal
            .open(b"a manifest", &Identity::generate().into())
            .err()
            .unwrap();
        assert!(matches!(refused, BackupError::WrongIdentity), "{refused}");
    }
}
