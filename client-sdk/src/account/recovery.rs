//! Login with a recovery code alone, and issuing a new one.

use sealpost_protocol::handle::can_name_account;
use sealpost_protocol::http::{KeystoreStage, LoggedIn, RecoveryLoginFinish, RecoveryLoginStart};
use sealpost_protocol::recovery::sign_recovery_login;

use super::prepared::PreparedSecret;
use super::register::login_key;
use super::relay::Met;
use super::staging::{Fresh, Tried};
use crate::client::Client;
use crate::config::ClientConfig;
use crate::entropy;
use crate::error::Error;
use crate::http::Api;
use crate::keystore::{RecoveryCode, SlotKey};
use crate::secret::Passphrase;

impl Client {
    /// Logs this device in with the recovery code. Neither handle nor passphrase is needed.
    ///
    /// # Errors
    /// As [`Client::login`]; [`Error::NotAuthenticated`] when no account has this code.
    pub async fn login_with_recovery_code(config: ClientConfig, code: &RecoveryCode) -> Result<Self, Error> {
        let met = Met::new(config).await?;
        let origin = met.config.relay.origin();
        let logged_in = prove(&met.api, &origin, &met.config.device_name, code).await?;
        let slot_key = SlotKey::from_recovery_code(code, logged_in.account_id);
        met.open_and_enter(logged_in, |_, _| slot_key).await
    }

    /// Prepares a new recovery code. Once the owner has it, [`PreparedSecret::commit`] makes it count; the old one opens nothing
    /// from then on. Asks for the passphrase, so that an unlocked device alone cannot be used to take an account over.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong passphrase. Nothing has changed then.
    pub async fn prepare_recovery_code(
        &self,
        passphrase: &Passphrase,
    ) -> Result<PreparedSecret<RecoveryCode>, Error> {
        let code = RecoveryCode::generate(&mut entropy::system());
        Box::pin(self.prepare_this_code(passphrase, code)).await
    }

    /// Issues a new recovery code in one go. Who is killed meanwhile may have neither the old nor the new one: the passphrase
    /// issues another. See [`Client::prepare_recovery_code`].
    ///
    /// # Errors
    /// As [`Client::prepare_recovery_code`] and [`PreparedSecret::commit`].
    pub async fn new_recovery_code(&self, passphrase: &Passphrase) -> Result<RecoveryCode, Error> {
        self.prepare_recovery_code(passphrase).await?.commit().await
    }

    pub(super) async fn prepare_this_code(
        &self,
        passphrase: &Passphrase,
        code: RecoveryCode,
    ) -> Result<PreparedSecret<RecoveryCode>, Error> {
        let fresh = Fresh::new(self.shared(), passphrase).await?;
        let tried = prepare(&fresh, &code).await;
        PreparedSecret::of(fresh, tried, code).await
    }
}

/// Logs in by the code: a signed challenge.
pub(super) async fn prove(
    api: &Api,
    origin: &str,
    device_name: &str,
    code: &RecoveryCode,
) -> Result<LoggedIn, Error> {
    let started = api
        .start_recovery_login(&RecoveryLoginStart {
            recovery_login_key: login_key(code).into(),
        })
        .await?;
    if started.challenge.0.len() != 32 {
        return Err(Error::alarm(
            "the relay's challenge is malformed; nothing was signed",
        ));
    }
    let signature = sign_recovery_login(&code.login_key(), origin, &started.challenge.0);
    let logged_in = api
        .finish_recovery_login(&RecoveryLoginFinish {
            login_id: started.login_id,
            signature: signature.to_vec().into(),
            device_name: device_name.to_owned(),
        })
        .await?;
    // Nobody typed it here: it is the relay's word, and goes into cards and terminals.
    if !can_name_account(&logged_in.handle) {
        return Err(Error::alarm("the relay names a handle that is not one"));
    }
    Ok(logged_in)
}

async fn prepare(fresh: &Fresh, code: &RecoveryCode) -> Result<Tried, Error> {
    let slot_key = SlotKey::from_recovery_code(code, fresh.account_id());
    let next = fresh.with_slot(&slot_key);
    let staged = fresh
        .stage(KeystoreStage {
            base_version: fresh.version(),
            keystore: next.to_bytes().into(),
            registration_upload: None,
            recovery_login_key: Some(login_key(code).into()),
            signed_manifest: None,
        })
        .await?;
    if staged.view.recovery_login_key.as_ref().map(|key| &key.0) != Some(&login_key(code)) {
        return Err(Error::alarm("the relay staged another recovery key"));
    }
    let from_paper = RecoveryCode::parse(&code.expose_text()).expect("a code reads back as it is written");
    let slot_key = SlotKey::from_recovery_code(&from_paper, fresh.account_id());
    fresh.reopen(staged, &slot_key)
}
