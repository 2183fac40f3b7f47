//! Ending an account.

use sealpost_protocol::http::SecretToken;

use super::login::authenticate;
use super::staging::end_session;
use crate::client::{Client, Shared};
use crate::error::Error;
use crate::secret::Passphrase;

/// How the session is listed for the moment it lasts.
const SESSION_NAME: &str = "deletion of the account";

impl Client {
    /// Deletes the account at the relay with everything that belongs to it: sessions, keystores, credentials, principal,
    /// handle. Then destroys this device's store. Other devices are cut off; what they store they keep.
    ///
    /// What was written to spaces stays in their logs under this principal's pseudonymous id, and the principal stays a member
    /// until somebody removes it: leave spaces, or hand them over, first.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong passphrase. When [`Error::Network`] leaves open whether the account is
    /// there, this device's store is kept: try again, and if the passphrase does not count any more, [`Client::forget`].
    pub async fn delete_account(self, passphrase: &Passphrase) -> Result<(), Error> {
        let shared = self.shared();
        let pin = shared.local_account().await?.content.relay;
        let (fresh, _) = authenticate(&shared.api, &pin, SESSION_NAME, &shared.handle, passphrase).await?;
        if fresh.account_id != shared.account_id {
            end_session(&shared.api, &fresh.session_token).await;
            return Err(Error::alarm("the handle belongs to another account by now"));
        }
        shared.delete_at_relay(&fresh.session_token).await?;
        self.forget().await
    }
}

impl Shared {
    async fn delete_at_relay(&self, token: &SecretToken) -> Result<(), Error> {
        match self.api.delete_account(token).await {
            Ok(()) => Ok(()),
            Err(error) if error.leaves_open() => self.expect_deleted(token, &error).await,
            Err(error) => {
                end_session(&self.api, token).await;
                Err(error)
            }
        }
    }

    /// After no answer that can be relied on: looks whether the account is there.
    async fn expect_deleted(&self, token: &SecretToken, cause: &Error) -> Result<(), Error> {
        match self.api.account(token).await {
            Err(Error::NotAuthenticated(_)) => Ok(()),
            Ok(_) => {
                end_session(&self.api, token).await;
                Err(Error::network(cause))
            }
            Err(_) => Err(Error::network(cause)),
        }
    }
}
