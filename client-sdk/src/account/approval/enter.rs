//! The new device goes in, if all that it was given holds together.

use sealpost_protocol::http::LoggedIn;

use super::grant::OpenedGrant;
use super::pending::{Approval, PendingLogin};
use crate::account::keystore::{self, check_generation, does_not_open};
use crate::account::staging::end_session;
use crate::client::Client;
use crate::error::{Error, StoreError};
use crate::keystore::{Opened, SealedKeystore};

impl PendingLogin {
    /// Opens the approval and the keystore, and makes this home a device of the account. What does not fit ends the session that
    /// came with it; nothing is entered then.
    ///
    /// # Errors
    /// [`Error::Integrity`] when the approval was not made for this device by somebody who has seen its code, is for another
    /// account, or when the relay shows a keystore that is not the approver's, or an older one.
    pub async fn enter(self, approval: Approval) -> Result<Client, Error> {
        // Boxed: it is large, and so is all that is built on it.
        Box::pin(self.check_and_enter(approval)).await
    }

    async fn check_and_enter(self, approval: Approval) -> Result<Client, Error> {
        let Approval(approved) = approval;
        match self.open(&approved.sealed_approval.0, &approved.login).await {
            Ok((sealed, opened)) => self.met.enter(approved.login, &sealed, opened).await,
            Err(error) => {
                end_session(&self.met.api, &approved.login.session_token).await;
                Err(error)
            }
        }
    }

    async fn open(&self, approval: &[u8], login: &LoggedIn) -> Result<(SealedKeystore, Opened), Error> {
        let opened = OpenedGrant::open(approval, &self.code, &self.one_time).ok_or_else(|| {
            Error::alarm("the relay shows an approval that nobody made who has seen this device's code")
        })?;
        self.check(&opened, login)?;
        let (grant, home) = (&opened.grant, self.met.previous.as_ref());
        let fetched = keystore::fetch(&self.met.api, &login.session_token, grant.account_id, home).await?;
        check_generation(&fetched.sealed, Some(grant.generation))?;
        let content = fetched
            .sealed
            .open_content(&grant.root_key)
            .map_err(|_| does_not_open())?;
        if !opened.is_by(&content.identity) {
            return Err(Error::alarm(
                "the approval is not signed by the owner of the keystore",
            ));
        }
        self.met.expect_account_of(&content, login).await?;
        let root_key = opened.grant.root_key;
        Ok((fetched.sealed, Opened { root_key, content }))
    }

    /// That it is for this device, this relay and the account that was asked for, and that the session is of that account.
    fn check(&self, OpenedGrant { grant, .. }: &OpenedGrant, login: &LoggedIn) -> Result<(), Error> {
        let handle = self.code.handle();
        let is_for_this_device = grant.request == *self.code.request()
            && grant.origin == self.met.config.relay.origin()
            && grant.handle == handle;
        if !is_for_this_device {
            return Err(Error::alarm(
                "the approval is for another device, relay or account",
            ));
        }
        if login.handle != handle || login.account_id != grant.account_id {
            return Err(Error::alarm(
                "the relay logged this device in to another account than it was approved for",
            ));
        }
        match &self.met.previous {
            Some(account) if account.account_id != grant.account_id => Err(StoreError::OtherAccount.into()),
            _ => Ok(()),
        }
    }
}
