//! The optional second half of the passphrase.

use sealpost_protocol::http::KeystoreStage;

use super::prepared::PreparedSecret;
use super::staging::{Fresh, Tried};
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

    /// Prepares a new device secret. From [`PreparedSecret::commit`] on the passphrase opens the keystore together with it only.
    /// Devices that are logged in learn it with the keystore; the recovery code works without it.
    ///
    /// Keystores that the relay was given before open with the passphrase alone: whoever kept one and guesses the passphrase
    /// has the keys in it. [`Client::prepare_account`] with one leaves none.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong passphrase. Nothing has changed then.
    pub async fn prepare_device_secret(
        &self,
        passphrase: &Passphrase,
    ) -> Result<PreparedSecret<DeviceSecret>, Error> {
        let secret = DeviceSecret::generate(&mut entropy::system());
        Box::pin(self.prepare_this_secret(passphrase, secret)).await
    }

    /// The same in one go.
    ///
    /// # Errors
    /// As [`Client::prepare_device_secret`]. When [`Error::Network`] leaves open whether the change was made,
    /// [`Client::refresh_keystore`] and [`Client::device_secret`] tell.
    pub async fn enable_device_secret(&self, passphrase: &Passphrase) -> Result<DeviceSecret, Error> {
        self.prepare_device_secret(passphrase).await?.commit().await
    }

    /// From here on the passphrase opens the keystore alone.
    ///
    /// # Errors
    /// As [`Client::enable_device_secret`].
    pub async fn disable_device_secret(&self, passphrase: &Passphrase) -> Result<(), Error> {
        let prepared = Box::pin(self.prepare_slot(passphrase, None, ())).await?;
        prepared.commit().await
    }

    pub(super) async fn prepare_this_secret(
        &self,
        passphrase: &Passphrase,
        secret: DeviceSecret,
    ) -> Result<PreparedSecret<DeviceSecret>, Error> {
        self.prepare_slot(passphrase, Some(secret.share()), secret).await
    }

    async fn prepare_slot<S>(
        &self,
        passphrase: &Passphrase,
        secret: Option<DeviceSecret>,
        shown: S,
    ) -> Result<PreparedSecret<S>, Error> {
        let mut fresh = Fresh::new(self.shared(), passphrase).await?;
        fresh.replace_device_secret(secret);
        let tried = prepare(&fresh).await;
        PreparedSecret::of(fresh, tried, shown).await
    }
}

async fn prepare(fresh: &Fresh) -> Result<Tried, Error> {
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
    fresh.reopen(staged, &slot_key)
}
