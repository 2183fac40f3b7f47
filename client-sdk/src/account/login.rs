//! Login with handle and passphrase, and what follows any login.

use std::sync::Arc;

use sealpost_opaque::ExportKey;
use sealpost_protocol::http::{LoggedIn, LoginFinish, LoginStart};

use super::relay::{Met, check_ksf};
use super::staging::end_session;
use super::{keystore, opaque};
use crate::client::Client;
use crate::config::ClientConfig;
use crate::error::{Error, StoreError};
use crate::http::Api;
use crate::keystore::{DeviceSecret, Opened, RelayPin, SealedKeystore, SlotKey, SlotKind};
use crate::secret::Passphrase;
use crate::store::account::{Generation, LocalAccount, Session};

impl Client {
    /// Logs this device in. A home that is logged in gets a new session.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong passphrase and an unknown handle alike, [`Error::Store`] when the home
    /// belongs to another account, [`Error::Integrity`] when the relay is not the one this home or this account met before,
    /// asks for weak stretching, or hands out a keystore that does not open or is older than one this home has seen.
    pub async fn login(config: ClientConfig, handle: &str, passphrase: &Passphrase) -> Result<Self, Error> {
        Self::login_with_device_secret(config, handle, passphrase, None).await
    }

    /// The same for an account whose passphrase works together with a device secret. A home that was logged in before knows
    /// the secret.
    ///
    /// # Errors
    /// As [`Client::login`]; [`Error::NotAuthenticated`] where the secret is missing, and where there should be none: a relay
    /// that hides that an account has one would have the passphrase open it alone.
    pub async fn login_with_device_secret(
        config: ClientConfig,
        handle: &str,
        passphrase: &Passphrase,
        device_secret: Option<&DeviceSecret>,
    ) -> Result<Self, Error> {
        // Boxed: what is met is large, and so would be all that logs in.
        Box::pin(async {
            let met = Met::new(config).await?;
            met.expect_handle(handle)?;
            let (logged_in, export_key) =
                authenticate(&met.api, &met.pin, &met.config.device_name, handle, passphrase).await?;
            let account_id = logged_in.account_id;
            let slot_key = |sealed: &SealedKeystore, home: Option<&LocalAccount>| {
                let secret = keystore::device_secret_of(sealed, home, device_secret);
                SlotKey::from_export_key(&export_key, secret.as_ref(), account_id)
            };
            met.open_and_enter(logged_in, slot_key).await
        })
        .await
    }
}

/// Runs OPAQUE: a new session, and the key of the passphrase slot.
pub(super) async fn authenticate(
    api: &Api,
    pin: &RelayPin,
    device_name: &str,
    handle: &str,
    passphrase: &Passphrase,
) -> Result<(LoggedIn, ExportKey), Error> {
    let (state, request) = opaque::start_login(passphrase)?;
    let started = api
        .start_login(&LoginStart {
            handle: handle.to_owned(),
            credential_request: request.into(),
        })
        .await?;
    let ksf = check_ksf(started.ksf, pin.ksf)?;
    let response = started.credential_response.0;
    let proven = opaque::finish_login(state, passphrase, response, ksf, pin).await?;
    let logged_in = api
        .finish_login(&LoginFinish {
            login_id: started.login_id,
            credential_finalization: proven.finalization.into(),
            device_name: device_name.to_owned(),
        })
        .await?;
    if logged_in.handle != handle {
        return Err(Error::alarm(
            "the relay logged in another account than it was asked to",
        ));
    }
    Ok((logged_in, proven.export_key))
}

impl Met {
    /// Fetches the keystore, opens it by the slot key that belongs to it and to what the home knew, and makes this home a device
    /// of the account.
    pub(super) async fn open_and_enter(
        self,
        logged_in: LoggedIn,
        slot_key: impl FnOnce(&SealedKeystore, Option<&LocalAccount>) -> SlotKey,
    ) -> Result<Client, Error> {
        match self.open(&logged_in, slot_key).await {
            Ok((sealed, opened)) => self.enter(logged_in, &sealed, opened).await,
            Err(error) => {
                end_session(&self.api, &logged_in.session_token).await;
                Err(error)
            }
        }
    }

    async fn open(
        &self,
        logged_in: &LoggedIn,
        slot_key: impl FnOnce(&SealedKeystore, Option<&LocalAccount>) -> SlotKey,
    ) -> Result<(SealedKeystore, Opened), Error> {
        if let Some(account) = &self.previous {
            if account.account_id != logged_in.account_id {
                return Err(StoreError::OtherAccount.into());
            }
            if account.handle != logged_in.handle {
                return Err(Error::alarm(
                    "the relay names another handle of this account than before",
                ));
            }
        }
        let (token, account_id, home) = (
            &logged_in.session_token,
            logged_in.account_id,
            self.previous.as_ref(),
        );
        let sealed = keystore::fetch(&self.api, token, account_id, home).await?.sealed;
        let slot_key = slot_key(&sealed, home);
        keystore::expect_kind(&sealed, &slot_key)?;
        let opened = sealed.open(&slot_key);
        let opened = opened.map_err(|_| self.unopened(&sealed, &slot_key))?;
        self.expect_account_of(&opened.content, logged_in).await?;
        Ok((sealed, opened))
    }

    /// What it means that a keystore does not open. A typing error in a device secret is found by its checksum; one that is old, or
    /// another account's, is not.
    fn unopened(&self, sealed: &SealedKeystore, slot_key: &SlotKey) -> Error {
        let home = self.previous.as_ref();
        let is_known = home.is_some_and(|account| sealed.open_content(&account.root_key).is_ok());
        match slot_key.kind() {
            SlotKind::PassphraseAndDevice if !is_known => Error::NotAuthenticated(
                "the keystore does not open with this device secret; use the newest one",
            ),
            _ => keystore::does_not_open(),
        }
    }

    /// Writes the account to the home and hands out the client.
    pub(super) async fn enter(
        mut self,
        logged_in: LoggedIn,
        sealed: &SealedKeystore,
        opened: Opened,
    ) -> Result<Client, Error> {
        let origin = self.config.relay.origin();
        let pin = opened.content.relay;
        let account = LocalAccount {
            account_id: logged_in.account_id,
            handle: logged_in.handle,
            origin: origin.clone(),
            session: Session {
                id: logged_in.session.session_id,
                token: logged_in.session_token,
            },
            root_key: opened.root_key,
            generation: Generation::of(sealed),
            content: opened.content,
            device_name: self.config.device_name.clone(),
            owner: None,
            incarnation: Some(self.life),
            earlier: self.previous.as_ref().map(LocalAccount::line).unwrap_or_default(),
        };
        let account = Arc::new(account);
        let row = Arc::clone(&account);
        let entered = self.store.write(move |transaction| {
            if let Some(now) = transaction.account()? {
                expect_no_newer(&now, &row)?;
            }
            transaction.pin_relay(&origin, pin)?;
            transaction.put_account(&row)
        });
        if let Err(error) = entered.await {
            end_session(&self.api, &account.session.token).await;
            return Err(error);
        }
        self.entrance.is_through();
        if let Some(previous) = &self.previous {
            // The session that this login replaces. It ends by itself in time if the relay does not hear this.
            let _ = self.api.log_out(&previous.session.token).await;
        }
        Client::of_home(self.config, self.store, self.api).await
    }
}

/// What this device has seen does not sink: since this login was begun, another process of the home may have gone on.
fn expect_no_newer(now: &LocalAccount, entering: &LocalAccount) -> Result<(), Error> {
    if now.account_id == entering.account_id && now.generation.number > entering.generation.number {
        return Err(Error::usage(
            "another process of this home has changed the account meanwhile; log in again",
        ));
    }
    Ok(())
}
