//! Changing what opens the keystore: stage, read back, open from scratch, switch.

use std::sync::Arc;

use sealpost_opaque::ExportKey;
use sealpost_protocol::http::{KeystoreStage, LoggedIn, SecretToken, StagedCommit, StagedView};
use sealpost_protocol::ids::AccountId;

use super::keystore::{self, Fetched};
use super::login::authenticate;
use super::recovery::prove;
use crate::client::Shared;
use crate::entropy;
use crate::error::Error;
use crate::http::Api;
use crate::keystore::{DeviceSecret, Opened, RecoveryCode, RelayPin, SealedKeystore, SlotKey};
use crate::secret::Passphrase;
use crate::store::account::{Generation, LocalAccount, Session};

/// How the session of a change is listed for the moment it lasts.
const SESSION_NAME: &str = "change of passphrase or recovery code";

/// A session that was opened with the passphrase just now, for one change, and the keystore as it stands.
pub(super) struct Fresh {
    shared: Arc<Shared>,
    logged_in: LoggedIn,
    fetched: Fetched,
    opened: Opened,
    /// Of the passphrase, where that opened it.
    export_key: Option<ExportKey>,
}

/// A stage that was read back and is what was sent.
pub(super) struct Staged {
    pub(super) view: StagedView,
    pub(super) sealed: SealedKeystore,
}

/// A stage that opens as it should.
pub(super) struct Tried {
    staged: Staged,
    opened: Opened,
}

impl Fresh {
    /// Logs in again; this device's own session stays as it is.
    pub(super) async fn new(shared: &Arc<Shared>, passphrase: &Passphrase) -> Result<Self, Error> {
        Self::named(shared, SESSION_NAME, passphrase).await
    }

    /// The same with a session that is listed under another name.
    pub(super) async fn named(
        shared: &Arc<Shared>,
        session_name: &str,
        passphrase: &Passphrase,
    ) -> Result<Self, Error> {
        let local = shared.local_account().await?;
        let pin = local.content.relay;
        let (logged_in, export_key) =
            authenticate(&shared.api, &pin, session_name, &shared.handle, passphrase).await?;
        let slot_key = |sealed: &SealedKeystore| {
            let device_secret = keystore::device_secret_of(sealed, Some(&local), None);
            SlotKey::from_export_key(&export_key, device_secret.as_ref(), shared.account_id)
        };
        let opened = Self::open(shared, logged_in, &local, slot_key).await?;
        Ok(Self {
            export_key: Some(export_key),
            ..opened
        })
    }

    /// The same by the recovery code.
    pub(super) async fn by_code(
        shared: &Arc<Shared>,
        session_name: &str,
        code: &RecoveryCode,
    ) -> Result<Self, Error> {
        let local = shared.local_account().await?;
        let origin = shared.config.relay.origin();
        let logged_in = prove(&shared.api, &origin, session_name, code).await?;
        let slot_key = SlotKey::from_recovery_code(code, shared.account_id);
        Self::open(shared, logged_in, &local, |_| slot_key).await
    }

    async fn open(
        shared: &Arc<Shared>,
        logged_in: LoggedIn,
        home: &LocalAccount,
        slot_key: impl FnOnce(&SealedKeystore) -> SlotKey,
    ) -> Result<Self, Error> {
        if logged_in.account_id != shared.account_id {
            end_session(&shared.api, &logged_in.session_token).await;
            return Err(Error::usage("this opens another account"));
        }
        let opening = async {
            let fetched = keystore::fetch(
                &shared.api,
                &logged_in.session_token,
                shared.account_id,
                Some(home),
            )
            .await?;
            let slot_key = slot_key(&fetched.sealed);
            keystore::expect_kind(&fetched.sealed, &slot_key)?;
            let opened = fetched
                .sealed
                .open(&slot_key)
                .map_err(|_| keystore::does_not_open())?;
            Ok((fetched, opened))
        };
        match opening.await {
            Ok((fetched, opened)) => Ok(Self {
                shared: Arc::clone(shared),
                logged_in,
                fetched,
                opened,
                export_key: None,
            }),
            Err(error) => {
                end_session(&shared.api, &logged_in.session_token).await;
                Err(error)
            }
        }
    }

    pub(super) fn api(&self) -> &Api {
        &self.shared.api
    }

    pub(super) fn token(&self) -> &SecretToken {
        &self.logged_in.session_token
    }

    pub(super) fn account_id(&self) -> AccountId {
        self.shared.account_id
    }

    pub(super) fn version(&self) -> u64 {
        self.fetched.version
    }

    pub(super) fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Which keystore it is.
    pub(super) fn generation(&self) -> Generation {
        Generation::of(&self.fetched.sealed)
    }

    /// Changes what the passphrase slot needs in the content that is to be sealed.
    pub(super) fn replace_device_secret(&mut self, secret: Option<DeviceSecret>) {
        self.opened.content.device_secret = secret;
    }

    /// The key of the passphrase slot as it is to be: under the same passphrase.
    pub(super) fn passphrase_slot_key(&self) -> SlotKey {
        let export_key = self.export_key.as_ref();
        self.slot_key_of(export_key.expect("changes of the passphrase slot ask for the passphrase"))
    }

    /// The key of the passphrase slot under the passphrase of an export key.
    pub(super) fn slot_key_of(&self, export_key: &ExportKey) -> SlotKey {
        let device_secret = self.opened.content.device_secret.as_ref();
        SlotKey::from_export_key(export_key, device_secret, self.account_id())
    }

    /// The keystore as the relay has it.
    pub(super) fn sealed(&self) -> &SealedKeystore {
        &self.fetched.sealed
    }

    /// The keystore that is to be staged: the content as it is to be, and a slot of this key's kind that this key opens.
    pub(super) fn with_slot(&self, slot_key: &SlotKey) -> SealedKeystore {
        self.fetched
            .sealed
            .with_slot(&self.opened, slot_key, &mut entropy::system())
    }

    /// Pins the relay anew in the content that is to be sealed.
    pub(super) fn repin(&mut self, pin: RelayPin) {
        self.opened.content.relay = pin;
    }

    /// Stages a change and reads it back.
    pub(super) async fn stage(&self, change: KeystoreStage) -> Result<Staged, Error> {
        self.api().stage_keystore(self.token(), &change).await?;
        let view = self.api().staged_keystore(self.token()).await?;
        let same = view.keystore == change.keystore
            && view.base_version == change.base_version
            && view.recovery_login_key == change.recovery_login_key
            && view.signed_manifest == change.signed_manifest;
        if !same {
            return Err(Error::alarm(
                "the relay staged another keystore; nothing was changed",
            ));
        }
        let sealed = SealedKeystore::parse(&view.keystore.0).map_err(|_| keystore::does_not_open())?;
        Ok(Staged { view, sealed })
    }

    /// Opens the stage with `slot_key`, and sees whether it holds what it should.
    pub(super) fn reopen(&self, staged: Staged, slot_key: &SlotKey) -> Result<Tried, Error> {
        let opened = staged
            .sealed
            .open(slot_key)
            .map_err(|_| Error::alarm("the staged keystore does not open; nothing was changed"))?;
        if opened.content.encode() != self.opened.content.encode() {
            return Err(Error::alarm(
                "the staged keystore holds something else; nothing was changed",
            ));
        }
        Ok(Tried { staged, opened })
    }

    /// Switches to a stage that was tried.
    pub(super) async fn switch(&self, Tried { staged, opened }: Tried) -> Result<(), Error> {
        self.commit(&staged).await?;
        let healed_in = self.fetched.healed_in;
        self.shared
            .remember(&staged.sealed, opened.content, healed_in)
            .await
    }

    /// Has the relay switch, and finds out whether it did where the answer is lost.
    pub(super) async fn commit(&self, staged: &Staged) -> Result<(), Error> {
        let commit = StagedCommit {
            stage_id: staged.view.stage_id.clone(),
        };
        match self.api().commit_staged(self.token(), &commit).await {
            Ok(_) => Ok(()),
            // A relay that says it is overloaded, or failed, may have switched all the same.
            Err(error) if error.leaves_open() => self.expect_switched(&staged.sealed, &error).await,
            Err(error) => Err(error),
        }
    }

    /// The session, for a device that goes on with it.
    pub(super) fn into_session(self) -> Session {
        Session {
            id: self.logged_in.session.session_id,
            token: self.logged_in.session_token,
        }
    }

    /// Ends the session of this change.
    pub(super) async fn end(self) {
        end_session(&self.shared.api, &self.logged_in.session_token).await;
    }

    /// After no answer that can be relied on: looks whether the switch was made. What cannot be seen stays open.
    async fn expect_switched(&self, next: &SealedKeystore, cause: &Error) -> Result<(), Error> {
        let view = self.api().keystore(self.token()).await;
        let current = view.ok().map(|view| SealedKeystore::parse(&view.keystore.0));
        match current {
            Some(Ok(current)) if Generation::of(&current) == Generation::of(next) => Ok(()),
            _ => Err(Error::network(cause)),
        }
    }
}

/// A session of minutes that could not be ended ends by itself; there is nothing to be done about a failure.
pub(super) async fn end_session(api: &Api, token: &SecretToken) {
    let _ = api.log_out(token).await;
}
