//! The account's sessions, and what the relay counts.

use sealpost_protocol::http::{AccountView, LoggedIn, SecretToken, SessionView};
use sealpost_protocol::ids::{AccountId, SessionId};

use super::Proof;
use super::login::authenticate;
use super::recovery::prove;
use super::staging::end_session;
use crate::client::{Client, Shared};
use crate::error::Error;
use crate::http::Api;
use crate::keystore::Content;

/// How the session is listed for the moment it lasts.
const SESSION_NAME: &str = "end of another session";

/// A login of a device of this account, as the relay lists it.
pub type Device = SessionView;

impl Client {
    /// The devices that are logged in, newest first, and those that were let in and have not come yet.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] when this device's own session has ended.
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let shared = self.shared();
        let local = shared.local_account().await?;
        let list = match shared.api.sessions(&local.session.token).await {
            Err(ended @ Error::NotAuthenticated(_)) => {
                let renewed = shared.session_instead(ended).await?;
                shared.api.sessions(&renewed.token).await?
            }
            list => list?,
        };
        Ok(list.sessions)
    }

    /// Ends a device's session; its sockets close. One that was let in and has not come yet stays out. What the device has stored it
    /// keeps: when it was stolen unlocked, the principal's keys have to be replaced too. Asks for the passphrase or the recovery code,
    /// so that a device that was stolen cannot shut its owner out.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong proof; [`Error::Usage`] for an agent; [`Error::Refused`] with `not_found` when no session
    /// of this account has the id.
    pub async fn revoke_device(&self, id: &SessionId, proof: Proof<'_>) -> Result<(), Error> {
        let shared = self.shared();
        if shared.owner.is_some() {
            return Err(Error::usage("an agent has no passphrase: its owner revokes it"));
        }
        let fresh = shared.log_in_afresh(proof).await?;
        let revoked = match fresh.account_id == shared.account_id {
            true => shared.api.revoke_session(&fresh.session_token, id).await,
            false => Err(Error::usage("this opens another account")),
        };
        end_session(&shared.api, &fresh.session_token).await;
        revoked
    }

    /// The account as the relay sees it, with its quota.
    ///
    /// # Errors
    /// [`Error::Integrity`] when the relay knows another principal under this account.
    pub async fn account_at_relay(&self) -> Result<AccountView, Error> {
        let shared = self.shared();
        let local = shared.local_account().await?;
        view_of(
            &shared.api,
            &local.session.token,
            local.account_id,
            &local.content,
        )
        .await
    }
}

/// The account as the relay sees it, which must be the owner's as the keystore holds it.
pub(super) async fn view_of(
    api: &Api,
    token: &SecretToken,
    account_id: AccountId,
    content: &Content,
) -> Result<AccountView, Error> {
    let view = api.account(token).await?;
    if view.account_id != account_id || view.principal_id != content.identity.id() {
        return Err(Error::alarm(
            "the relay knows another principal under this account",
        ));
    }
    Ok(view)
}

impl Shared {
    /// A session by the owner's proof alone. The keystore is not opened: whoever has a stolen session may have put another one
    /// in its place.
    async fn log_in_afresh(&self, proof: Proof<'_>) -> Result<LoggedIn, Error> {
        match proof {
            Proof::Passphrase(passphrase) => {
                let pin = self.local_account().await?.content.relay;
                let proven = authenticate(&self.api, &pin, SESSION_NAME, &self.handle, passphrase).await;
                proven.map(|(logged_in, _)| logged_in)
            }
            Proof::RecoveryCode(code) => {
                prove(&self.api, &self.config.relay.origin(), SESSION_NAME, code).await
            }
        }
    }
}
