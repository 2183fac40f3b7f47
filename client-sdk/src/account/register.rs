//! A new account.

use prost::Message;
use sealpost_opaque::Registered;
use sealpost_protocol::handle::{RULE, is_handle};
use sealpost_protocol::http::{
    LoggedIn, RegistrationFinish, RegistrationStart, RegistrationStarted, SecretToken,
};
use sealpost_protocol::keys::PublicKey;
use sealpost_protocol::wire::SignedManifest;

use super::export::of_import;
use super::opaque;
use super::relay::{Met, check_ksf};
use crate::client::Client;
use crate::config::ClientConfig;
use crate::entropy;
use crate::error::Error;
use crate::identity::Identity;
use crate::keystore::{Content, DeviceSecret, Opened, RecoveryCode, RelayPin, SealedKeystore, SlotKey};
use crate::secret::Passphrase;

/// An account that the relay is still to register, with what will open it.
///
/// Its secrets are nowhere else: keep them, or have the owner write them down, before [`Self::commit`]. Until then the handle is free,
/// and nothing has changed if this is dropped or the process ends. Meanwhile no other process makes an account in the same home.
#[must_use = "nothing is registered before `commit`"]
pub struct PreparedAccount {
    met: Met,
    handle: String,
    started: RegistrationStarted,
    finish: RegistrationFinish,
    sealed: SealedKeystore,
    opened: Opened,
    recovery_code: RecoveryCode,
    /// Of an account that is imported: people whom its owner holds manifests of.
    pub(super) imported: Option<Vec<(String, SignedManifest)>>,
}

/// A keystore that the relay has not seen yet, with the keys that open it.
struct Draft {
    keystore: SealedKeystore,
    passphrase: SlotKey,
    recovery: SlotKey,
    recovery_code: RecoveryCode,
}

impl Client {
    /// Prepares an account: everything is drawn, sealed and opened on this device, and the relay has not registered anything yet.
    ///
    /// # Errors
    /// [`Error::Refused`] when the relay wants another token, [`Error::Usage`] for what is no handle, when the home holds an
    /// account already, when another process is making one there, or when the passphrase is too short, [`Error::Integrity`] when
    /// the relay is not the one this home met before or asks for weak stretching.
    pub async fn prepare_account(
        config: ClientConfig,
        handle: &str,
        passphrase: &Passphrase,
        token: Option<SecretToken>,
        with_device_secret: bool,
    ) -> Result<PreparedAccount, Error> {
        let content = |pin| {
            let mut rng = entropy::system();
            Content {
                device_secret: with_device_secret.then(|| DeviceSecret::generate(&mut rng)),
                ..Content::new(Identity::generate(&mut rng), pin)
            }
        };
        Self::prepare_account_with(config, handle, passphrase, token, content).await
    }

    /// Registers `handle` and logs this device in, in one go. Who is killed meanwhile may not have the recovery code of an account
    /// that there is: the passphrase issues another. See [`Client::prepare_account`].
    ///
    /// # Errors
    /// As [`Client::prepare_account`] and [`PreparedAccount::commit`].
    pub async fn register(
        config: ClientConfig,
        handle: &str,
        passphrase: &Passphrase,
        token: Option<SecretToken>,
    ) -> Result<(Self, RecoveryCode), Error> {
        // Boxed: what is prepared is large, and so would be all that registers.
        Box::pin(async {
            let prepared = Self::prepare_account(config, handle, passphrase, token, false).await?;
            let code = prepared.recovery_code().share();
            Ok((prepared.commit().await?, code))
        })
        .await
    }

    /// Prepares an account with the content that `content` makes of the relay's pin.
    pub(super) async fn prepare_account_with(
        config: ClientConfig,
        handle: &str,
        passphrase: &Passphrase,
        token: Option<SecretToken>,
        content: impl FnOnce(RelayPin) -> Content,
    ) -> Result<PreparedAccount, Error> {
        if !is_handle(handle) {
            return Err(Error::usage(RULE));
        }
        passphrase.expect_new()?;
        let met = Met::new(config).await?;
        if let Some(account) = &met.previous {
            return Err(Error::usage(format!("this home belongs to {}", account.handle)));
        }
        let (state, request) = opaque::start_registration(passphrase)?;
        let start = RegistrationStart {
            registration_token: token,
            handle: handle.to_owned(),
            registration_request: request.into(),
        };
        let started = met.api.start_registration(&start).await?;
        let ksf = check_ksf(started.ksf, met.pin.ksf)?;
        let response = started.registration_response.0.clone();
        let registered = opaque::finish_registration(state, passphrase, response, ksf, &met.pin).await?;
        let pin = RelayPin {
            ksf: ksf.parameters(),
            ..met.pin
        };
        PreparedAccount::new(met, handle, started, &registered, &content(pin))
    }
}

impl PreparedAccount {
    fn new(
        met: Met,
        handle: &str,
        started: RegistrationStarted,
        registered: &Registered,
        content: &Content,
    ) -> Result<Self, Error> {
        let draft = Draft::new(&started, registered, content);
        // Both ways in are tried before anything depends on them.
        let sealed = SealedKeystore::parse(&draft.keystore.to_bytes()).map_err(own_keystore_is_bad)?;
        sealed.open(&draft.recovery).map_err(own_keystore_is_bad)?;
        let opened = sealed.open(&draft.passphrase).map_err(own_keystore_is_bad)?;
        let finish = RegistrationFinish {
            registration_id: started.registration_id.clone(),
            registration_upload: registered.upload.to_vec().into(),
            keystore: sealed.to_bytes().into(),
            recovery_login_key: login_key(&draft.recovery_code).into(),
            signed_manifest: content.identity.signed_manifest().encode_to_vec().into(),
            device_name: met.config.device_name.clone(),
        };
        Ok(Self {
            met,
            handle: handle.to_owned(),
            started,
            finish,
            sealed,
            opened,
            recovery_code: draft.recovery_code,
            imported: None,
        })
    }

    /// The recovery code that the account is to have. It is shown this once.
    #[must_use]
    pub fn recovery_code(&self) -> &RecoveryCode {
        &self.recovery_code
    }

    /// The device secret, where the account is to have one from the start. Only then no keystore that the passphrase alone opens has
    /// ever been at the relay.
    #[must_use]
    pub fn device_secret(&self) -> Option<&DeviceSecret> {
        self.opened.content.device_secret.as_ref()
    }

    /// Registers the account and logs this device in.
    ///
    /// # Errors
    /// [`Error::Refused`] when the handle is taken. [`Error::Network`] may leave open whether it was done: then the account opens by
    /// what this has shown, or the handle is free. [`Error::Store`] comes after it: log in.
    pub async fn commit(self) -> Result<Client, Error> {
        let logged_in = self.met.api.finish_registration(&self.finish).await;
        let logged_in = logged_in.map_err(|error| match &self.imported {
            Some(_) => of_import(unanswered(error)),
            None => unanswered(error),
        })?;
        expect_the_same(&logged_in, &self.handle, &self.started)?;
        let client = self.met.enter(logged_in, &self.sealed, self.opened).await?;
        client.take_in(self.imported.unwrap_or_default()).await?;
        Ok(client)
    }
}

impl Draft {
    fn new(started: &RegistrationStarted, registered: &Registered, content: &Content) -> Self {
        let mut rng = entropy::system();
        let account_id = started.account_id;
        let recovery_code = RecoveryCode::generate(&mut rng);
        let device_secret = content.device_secret.as_ref();
        let passphrase = SlotKey::from_export_key(&registered.export_key, device_secret, account_id);
        let recovery = SlotKey::from_recovery_code(&recovery_code, account_id);
        Self {
            keystore: SealedKeystore::create(account_id, content, &passphrase, &recovery, &mut rng),
            passphrase,
            recovery,
            recovery_code,
        }
    }
}

/// The public key by which the relay finds the account of a recovery code.
pub(super) fn login_key(code: &RecoveryCode) -> Vec<u8> {
    PublicKey::of(&code.login_key()).as_bytes().to_vec()
}

fn expect_the_same(logged_in: &LoggedIn, handle: &str, started: &RegistrationStarted) -> Result<(), Error> {
    if logged_in.account_id == started.account_id && logged_in.handle == handle {
        return Ok(());
    }
    Err(Error::alarm(
        "the relay registered another account than it was asked to",
    ))
}

/// The relay may have registered the account before its answer was lost.
fn unanswered(error: Error) -> Error {
    match error {
        cause if cause.leaves_open() => Error::Network(format!(
            "{cause}; the account may be registered all the same: try to log in, and if the relay knows no such account, register \
             again"
        )),
        other => other,
    }
}

fn own_keystore_is_bad(error: impl std::fmt::Display) -> Error {
    Error::alarm(format!("a keystore made on this machine is bad: {error}"))
}
