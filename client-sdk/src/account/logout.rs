//! Leaving.

use crate::blocking;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Ends this device's session at the relay, then destroys the device's store: keys, logs and what was not sent yet.
    ///
    /// # Errors
    /// [`Error::Network`] when the relay cannot be told; nothing is destroyed then, see [`Client::forget`].
    pub async fn logout(self) -> Result<(), Error> {
        let local = self.shared().local_account().await?;
        match self.shared().api.log_out(&local.session.token).await {
            // A session that ended before is as good as one that ends now.
            Ok(()) | Err(Error::NotAuthenticated(_)) => self.forget().await,
            Err(error) => Err(error),
        }
    }

    /// Destroys the device's store without telling the relay. The session ends when it expires, or when another device
    /// revokes it.
    ///
    /// # Errors
    /// [`Error::Store`] when a file cannot be removed.
    pub async fn forget(self) -> Result<(), Error> {
        let store = self.shared().store.clone();
        blocking::run(move || store.destroy()).await
    }
}
