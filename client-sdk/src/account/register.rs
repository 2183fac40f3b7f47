//! A new account.

use prost::Message;
use sealpost_opaque::Registered;
use sealpost_protocol::http::{
    LoggedIn, RegistrationFinish, RegistrationStart, RegistrationStarted, SecretToken,
};
use sealpost_protocol::keys::PublicKey;

use super::opaque;
use super::relay::{Met, check_ksf};
use crate::client::Client;
use crate::config::ClientConfig;
use crate::entropy;
use crate::error::Error;
use crate::identity::Identity;
use crate::keystore::{Content, DeviceSecret, RecoveryCode, RelayPin, SealedKeystore, SlotKey};
use crate::secret::Passphrase;

/// A keystore that the relay has not seen yet, with the keys that open it.
struct Draft {
    keystore: SealedKeystore,
    passphrase: SlotKey,
    recovery: SlotKey,
    recovery_code: RecoveryCode,
}

impl Client {
    /// Registers `handle` and logs this device in. The recovery code is shown this once and is nowhere else.
    ///
    /// # Errors
    /// [`Error::Refused`] when the handle is taken or malformed or the relay wants another token, [`Error::Usage`] when
    /// the home holds an account already or the passphrase is too short, [`Error::Integrity`] when the relay is not the
    /// one this home met before or asks for weak stretching.
    pub async fn register(
        config: ClientConfig,
        handle: &str,
        passphrase: &Passphrase,
        token: Option<SecretToken>,
    ) -> Result<(Self, RecoveryCode), Error> {
        let content = |pin| Content::new(Identity::generate(&mut entropy::system()), pin);
        Self::register_with(config, handle, passphrase, token, content).await
    }

    /// The same with a device secret from the start. Only then no keystore that the passphrase alone opens has ever been at the
    /// relay.
    ///
    /// # Errors
    /// As [`Client::register`].
    pub async fn register_with_device_secret(
        config: ClientConfig,
        handle: &str,
        passphrase: &Passphrase,
        token: Option<SecretToken>,
    ) -> Result<(Self, RecoveryCode, DeviceSecret), Error> {
        let mut rng = entropy::system();
        let secret = DeviceSecret::generate(&mut rng);
        let content = |pin| Content {
            device_secret: Some(secret.share()),
            ..Content::new(Identity::generate(&mut rng), pin)
        };
        let (client, code) = Self::register_with(config, handle, passphrase, token, content).await?;
        Ok((client, code, secret))
    }

    /// Registers with the content that `content` makes of the relay's pin.
    pub(super) async fn register_with(
        config: ClientConfig,
        handle: &str,
        passphrase: &Passphrase,
        token: Option<SecretToken>,
        content: impl FnOnce(RelayPin) -> Content,
    ) -> Result<(Self, RecoveryCode), Error> {
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
        met.submit(handle, &started, &registered, content(pin)).await
    }
}

impl Met {
    async fn submit(
        self,
        handle: &str,
        started: &RegistrationStarted,
        registered: &Registered,
        content: Content,
    ) -> Result<(Client, RecoveryCode), Error> {
        let draft = Draft::new(started, registered, &content);
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
            device_name: self.config.device_name.clone(),
        };
        let logged_in = self.api.finish_registration(&finish).await.map_err(unanswered)?;
        expect_the_same(&logged_in, handle, started)?;
        let client = self.enter(logged_in, &sealed, opened).await?;
        Ok((client, draft.recovery_code))
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

/// The relay may have registered the account before its answer was lost; the recovery code is lost then.
fn unanswered(error: Error) -> Error {
    match error {
        Error::Network(cause) => Error::Network(format!(
            "{cause}; the account may be registered all the same: if its passphrase logs in, issue a new recovery code"
        )),
        other => other,
    }
}

fn own_keystore_is_bad(error: impl std::fmt::Display) -> Error {
    Error::alarm(format!("a keystore made on this machine is bad: {error}"))
}
