//! The optional second half of the passphrase.

use sealpost_protocol::http::KeystoreStage;

use super::staging::Fresh;
use crate::client::Client;
use crate::entropy;
use crate::error::Error;
use crate::keystore::DeviceSecret;
use crate::secret::Passphrase;

impl Client {
    /// The account's device secret, as this device knows it.
    ///
    /// # Errors
    /// [`Error::Store`] when the local store cannot be read.
    pub async fn device_secret(&self) -> Result<Option<DeviceSecret>, Error> {
        Ok(self.shared().local_account().await?.content.device_secret)
    }

    /// From here on the passphrase opens the keystore together with a new device secret only. Devices that are logged in learn
    /// it with the keystore; the recovery code works without it.
    ///
    /// Keystores that the relay was given before open with the passphrase alone: whoever kept one and guesses the passphrase
    /// has the keys in it. [`Client::register_with_device_secret`] leaves none.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong passphrase. When [`Error::Network`] leaves open whether the change was made,
    /// [`Client::refresh_keystore`] and [`Client::device_secret`] tell.
    pub async fn enable_device_secret(&self, passphrase: &Passphrase) -> Result<DeviceSecret, Error> {
        let secret = DeviceSecret::generate(&mut entropy::system());
        self.replace_device_secret(passphrase, Some(secret.share()))
            .await?;
        Ok(secret)
    }

    /// From here on the passphrase opens the keystore alone.
    ///
    /// # Errors
    /// As [`Client::enable_device_secret`].
    pub async fn disable_device_secret(&self, passphrase: &Passphrase) -> Result<(), Error> {
        self.replace_device_secret(passphrase, None).await
    }

    pub(super) async fn replace_device_secret(
        &self,
        passphrase: &Passphrase,
        secret: Option<DeviceSecret>,
    ) -> Result<(), Error> {
        let mut fresh = Fresh::new(self.shared(), passphrase).await?;
        fresh.replace_device_secret(secret);
        let changed = change(&fresh).await;
        fresh.end().await;
        changed
    }
}

async fn change(fresh: &Fresh) -> Result<(), Error> {
    let slot_key = fresh.passphrase_slot_key();
    let next = fresh.with_slot(&slot_key);
    let staged = fresh
        .stage(KeystoreStage {
            base_version: fresh.version(),
            keystore: next.to_bytes().into(),
            registration_upload: None,
            recovery_login_key: None,
            signed_manifest: None,
        })
        .await?;
    fresh.switch(staged, &slot_key).await
}
