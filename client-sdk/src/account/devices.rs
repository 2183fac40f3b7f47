//! The account's sessions, and what the relay counts.

use sealpost_protocol::http::{AccountView, SessionView};
use sealpost_protocol::ids::SessionId;

use crate::client::Client;
use crate::error::Error;

/// A login of a device of this account, as the relay lists it.
pub type Device = SessionView;

impl Client {
    /// The devices that are logged in, newest first.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when this device's own session has ended.
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let local = self.shared().local_account().await?;
        let list = self.shared().api.sessions(&local.session.token).await?;
        Ok(list.sessions)
    }

    /// Ends a device's session; its sockets close. What the device has stored it keeps: when it was stolen unlocked, the
    /// principal's keys have to be replaced too.
    ///
    /// # Errors
    /// [`Error::Refused`] with `not_found` when no session of this account has the id.
    pub async fn revoke_device(&self, id: &SessionId) -> Result<(), Error> {
        let local = self.shared().local_account().await?;
        self.shared().api.revoke_session(&local.session.token, id).await
    }

    /// The account as the relay sees it, with its quota.
    ///
    /// # Errors
    /// [`Error::Integrity`] when the relay knows another principal under this account.
    pub async fn account_at_relay(&self) -> Result<AccountView, Error> {
        let local = self.shared().local_account().await?;
        let view = self.shared().api.account(&local.session.token).await?;
        let same = view.account_id == local.account_id && view.principal_id == local.content.identity.id();
        if !same {
            return Err(Error::alarm(
                "the relay knows another principal under this account",
            ));
        }
        Ok(view)
    }
}
