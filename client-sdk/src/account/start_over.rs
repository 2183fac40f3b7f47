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
use crate::agent::Agent;
use crate::client::{Client, Shared};
use crate::config::DEFAULT_DEVICE_NAME;
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

/// A new start that is staged at the relay and was opened there from scratch, and is still to be switched to.
///
/// Its secrets are nowhere else: keep them, or have the owner write them down, before [`Self::commit`]. Until then the old ones
/// count, and nothing has changed if this is dropped or the process ends.
#[must_use = "nothing has changed before `commit`"]
pub struct PreparedStart {
    shared: Arc<Shared>,
    fresh: Fresh,
    staged: Staged,
    opened: Opened,
    recovery_code: RecoveryCode,
    device_name: String,
    lost_agents: Vec<Agent>,
}

/// An account after a new start.
pub struct StartedOver {
    /// This device, under the new identity.
    pub client: Client,
    /// Agents that the account had: the relay ends them with the old principal. Pair them again where they are still wanted.
    pub lost_agents: Vec<Agent>,
}

/// What a new start draws.
struct Drawn {
    identity: Identity,
    recovery_code: RecoveryCode,
    device_secret: Option<DeviceSecret>,
}

/// The next keystore and what opens it.
struct Draft {
    sealed: SealedKeystore,
    content: Content,
    recovery: SlotKey,
}

impl Client {
    /// Prepares a start with new keys, because the old ones may be in foreign hands: a new identity, a new root key, a new
    /// passphrase and recovery code, and a new device secret where the account has one.
    ///
    /// [`PreparedStart::commit`] then switches to all of it in one step at the relay: the old principal is revoked there, every
    /// other session ends, and so do the account's agents. Contacts stay; they have to confirm the new keys. Spaces stay on the
    /// list as lost: the old principal is still their member, until somebody who may removes it and adds the new one.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong proof, [`Error::Usage`] for a passphrase that is too short. Nothing has changed
    /// then.
    pub async fn prepare_start_over(
        &self,
        proof: Proof<'_>,
        new: &Passphrase,
    ) -> Result<PreparedStart, Error> {
        new.expect_new()?;
        let shared = self.shared();
        // What was never looked at is listed with this, and as lost from then on.
        self.spaces().await?;
        let lost_agents = Box::pin(self.agents().list()).await?;
        let device_name = shared.own_device_name().await?;
        let fresh = match proof {
            Proof::Passphrase(passphrase) => Fresh::named(shared, &device_name, passphrase).await?,
            Proof::RecoveryCode(code) => Fresh::by_code(shared, &device_name, code).await?,
        };
        let drawn = Drawn::draw(fresh.opened().content.device_secret.is_some());
        let recovery_code = drawn.recovery_code.share();
        match Box::pin(prepare(&fresh, new, drawn)).await {
            Ok((staged, opened)) => Ok(PreparedStart {
                shared: Arc::clone(shared),
                fresh,
                staged,
                opened,
                recovery_code,
                device_name,
                lost_agents,
            }),
            Err(error) => {
                fresh.end().await;
                Err(error)
            }
        }
    }
}

impl PreparedStart {
    /// The new recovery code.
    #[must_use]
    pub fn recovery_code(&self) -> &RecoveryCode {
        &self.recovery_code
    }

    /// The new device secret, where the account has one.
    #[must_use]
    pub fn device_secret(&self) -> Option<&DeviceSecret> {
        self.opened.content.device_secret.as_ref()
    }

    /// What this device is to hold.
    #[cfg(test)]
    pub(super) fn content(&self) -> &Content {
        &self.opened.content
    }

    /// Switches.
    ///
    /// # Errors
    /// [`Error::Network`] may leave open whether it was done: then either the old passphrase, code and device secret open the
    /// account, or the new ones do. [`Error::Store`] comes after the switch: log in with the new ones.
    pub async fn commit(self) -> Result<StartedOver, Error> {
        let Self {
            shared,
            fresh,
            staged,
            opened,
            device_name,
            lost_agents,
            ..
        } = self;
        if let Err(error) = fresh.commit(&staged).await {
            fresh.end().await;
            return Err(error);
        }
        let session = fresh.into_session();
        shared.go_on(&staged.sealed, opened, session, device_name).await?;
        Ok(StartedOver {
            client: shared.reopened().await?,
            lost_agents,
        })
    }

    /// Gives it up. What was staged at the relay counts for nothing, and ends by itself.
    pub async fn abandon(self) {
        self.fresh.end().await;
    }
}

impl Drawn {
    fn draw(with_device_secret: bool) -> Self {
        let mut rng = entropy::system();
        Self {
            identity: Identity::generate(&mut rng),
            recovery_code: RecoveryCode::generate(&mut rng),
            device_secret: with_device_secret.then(|| DeviceSecret::generate(&mut rng)),
        }
    }
}

/// Stages everything, and opens it from scratch by both slots.
async fn prepare(fresh: &Fresh, new: &Passphrase, drawn: Drawn) -> Result<(Staged, Opened), Error> {
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
    Ok((staged, opened))
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
    async fn go_on(
        &self,
        sealed: &SealedKeystore,
        opened: Opened,
        session: Session,
        device_name: String,
    ) -> Result<(), Error> {
        let generation = Generation::of(sealed);
        let origin = self.config.relay.origin();
        self.change_account(move |transaction, mut account| {
            transaction.pin_relay(&origin, opened.content.relay)?;
            account.session = session;
            account.root_key = opened.root_key;
            account.go_on_to(generation);
            account.content = opened.content;
            account.device_name = device_name;
            transaction.put_account(&account)
        })
        .await
    }

    /// How this device is to be listed: as the configuration says, or else as it was.
    async fn own_device_name(&self) -> Result<String, Error> {
        let kept = self.local_account().await?.device_name;
        let given = &self.config.device_name;
        let is_given = given != DEFAULT_DEVICE_NAME || kept.is_empty();
        Ok(if is_given { given.clone() } else { kept })
    }

    /// The home as it is now.
    async fn reopened(self: &Arc<Self>) -> Result<Client, Error> {
        Client::of_home(self.config.clone(), self.store.clone(), self.api.clone()).await
    }
}
