//! A new identity in an old account.

use std::sync::Arc;

use prost::Message;
use sealpost_opaque::ExportKey;
use sealpost_protocol::http::{KeystoreStage, PassphraseStart, PassphraseStarted};

use super::opaque;
use super::passphrase::log_in_to_stage;
use super::register::login_key;
use super::relay::check_ksf;
use super::staging::{Fresh, Staged};
use crate::client::{Client, Shared};
use crate::entropy;
use crate::error::Error;
use crate::identity::Identity;
use crate::keystore::{Content, DeviceSecret, Opened, RecoveryCode, RelayPin, SealedKeystore, SlotKey};
use crate::secret::Passphrase;
use crate::store::account::{Generation, Session};

/// What shows that it is the owner who starts over.
pub enum Proof<'a> {
    /// The passphrase.
    Passphrase(&'a Passphrase),
    /// The recovery code.
    RecoveryCode(&'a RecoveryCode),
}

/// An account after a new start.
pub struct StartedOver {
    /// This device, under the new identity.
    pub client: Client,
    /// The new recovery code, shown this once.
    pub recovery_code: RecoveryCode,
    /// A new device secret, where the account had one.
    pub device_secret: Option<DeviceSecret>,
}

/// What a new start draws.
pub(super) struct Drawn {
    pub(super) identity: Identity,
    pub(super) recovery_code: RecoveryCode,
    pub(super) device_secret: Option<DeviceSecret>,
}

/// The next keystore and what opens it.
struct Draft {
    sealed: SealedKeystore,
    content: Content,
    recovery: SlotKey,
}

impl Client {
    /// Starts over with new keys, because the old ones may be in foreign hands: a new identity, a new root key, a new passphrase
    /// and recovery code, in one step at the relay. The old principal is revoked there and every other session ends.
    ///
    /// Contacts stay; they have to confirm the new keys. Spaces stay on the list as lost: the old principal is still their
    /// member, until somebody who may removes it and adds the new one.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong proof, [`Error::Usage`] for a passphrase that is too short. When
    /// [`Error::Network`] leaves open whether it was done, the old passphrase or the new one opens the account.
    pub async fn start_over(self, proof: Proof<'_>, new: &Passphrase) -> Result<StartedOver, Error> {
        let mut rng = entropy::system();
        let has_device_secret = self.device_secret().await?.is_some();
        let drawn = Drawn {
            identity: Identity::generate(&mut rng),
            recovery_code: RecoveryCode::generate(&mut rng),
            device_secret: has_device_secret.then(|| DeviceSecret::generate(&mut rng)),
        };
        self.start_over_with(proof, new, drawn).await
    }

    pub(super) async fn start_over_with(
        self,
        proof: Proof<'_>,
        new: &Passphrase,
        drawn: Drawn,
    ) -> Result<StartedOver, Error> {
        new.expect_new()?;
        let shared = self.shared();
        let name = &shared.config.device_name;
        let fresh = match proof {
            Proof::Passphrase(passphrase) => Fresh::named(shared, name, passphrase).await?,
            Proof::RecoveryCode(code) => Fresh::by_code(shared, name, code).await?,
        };
        let recovery_code = RecoveryCode::parse(&drawn.recovery_code.expose_text())
            .expect("a code reads back as it is written");
        let device_secret = drawn.device_secret.as_ref().map(DeviceSecret::share);
        match Box::pin(switch(&fresh, new, drawn)).await {
            Ok((sealed, opened)) => {
                shared.go_on(&sealed, opened, fresh.into_session()).await?;
                Ok(StartedOver {
                    client: shared.reopened().await?,
                    recovery_code,
                    device_secret,
                })
            }
            Err(error) => {
                fresh.end().await;
                Err(error)
            }
        }
    }
}

/// Stages everything, opens it from scratch by both slots, and has the relay switch.
async fn switch(fresh: &Fresh, new: &Passphrase, drawn: Drawn) -> Result<(SealedKeystore, Opened), Error> {
    let (state, request) = opaque::start_registration(new)?;
    let registration_request = request.into();
    let started = fresh
        .api()
        .start_passphrase(fresh.token(), &PassphraseStart { registration_request })
        .await?;
    let pin = fresh.opened().content.relay;
    let ksf = check_ksf(started.ksf, pin.ksf)?;
    let response = started.registration_response.0.clone();
    let registered = opaque::finish_registration(state, new, response, ksf, &pin).await?;
    let pin = RelayPin {
        ksf: ksf.parameters(),
        ..pin
    };
    let key = login_key(&drawn.recovery_code);
    let draft = Draft::new(fresh, pin, drawn, &registered.export_key);
    let manifest = draft.content.identity.signed_manifest().encode_to_vec();
    let staged = fresh
        .stage(KeystoreStage {
            base_version: fresh.version(),
            keystore: draft.sealed.to_bytes().into(),
            registration_upload: Some(registered.upload.to_vec().into()),
            recovery_login_key: Some(key.into()),
            signed_manifest: Some(manifest.into()),
        })
        .await?;
    let opened = draft
        .open_from_scratch(fresh, &staged, new, pin, &started)
        .await?;
    fresh.commit(&staged).await?;
    Ok((staged.sealed, opened))
}

impl Draft {
    fn new(fresh: &Fresh, pin: RelayPin, drawn: Drawn, export_key: &ExportKey) -> Self {
        let account_id = fresh.account_id();
        let Drawn {
            identity,
            recovery_code,
            device_secret,
        } = drawn;
        let content = fresh.opened().content.start_over(identity, pin, device_secret);
        let passphrase = SlotKey::from_export_key(export_key, content.device_secret.as_ref(), account_id);
        let recovery = SlotKey::from_recovery_code(&recovery_code, account_id);
        let mut rng = entropy::system();
        Self {
            sealed: fresh
                .sealed()
                .start_over(&content, &passphrase, &recovery, &mut rng),
            content,
            recovery,
        }
    }

    async fn open_from_scratch(
        &self,
        fresh: &Fresh,
        staged: &Staged,
        new: &Passphrase,
        pin: RelayPin,
        started: &PassphraseStarted,
    ) -> Result<Opened, Error> {
        let export_key = log_in_to_stage(fresh, staged, new, pin, started.ksf).await?;
        let device_secret = self.content.device_secret.as_ref();
        let passphrase = SlotKey::from_export_key(&export_key, device_secret, fresh.account_id());
        let by_code = staged.sealed.open(&self.recovery);
        let by_passphrase = staged.sealed.open(&passphrase);
        let (Ok(opened), Ok(_)) = (by_passphrase, by_code) else {
            return Err(Error::alarm(
                "the staged keystore does not open; nothing was changed",
            ));
        };
        Ok(opened)
    }
}

impl Shared {
    /// Makes this home a device of the new identity.
    async fn go_on(&self, sealed: &SealedKeystore, opened: Opened, session: Session) -> Result<(), Error> {
        let generation = Generation::of(sealed);
        let origin = self.config.relay.origin();
        self.store
            .write(move |transaction| {
                let Some(mut account) = transaction.account()? else {
                    return Err(Error::NotAuthenticated("this home is not logged in"));
                };
                transaction.pin_relay(&origin, opened.content.relay)?;
                account.session = session;
                account.root_key = opened.root_key;
                account.generation = generation;
                account.content = opened.content;
                transaction.put_account(&account)
            })
            .await
    }

    /// The home as it is now.
    async fn reopened(self: &Arc<Self>) -> Result<Client, Error> {
        Client::of_home(self.config.clone(), self.store.clone(), self.api.clone()).await
    }
}
