//! Changing the passphrase.

use sealpost_opaque::ExportKey;
use sealpost_protocol::http::{KeystoreStage, PassphraseStart, StagedVerify};

use super::opaque;
use super::relay::check_ksf;
use super::staging::{Fresh, Staged};
use crate::client::Client;
use crate::error::Error;
use crate::keystore::RelayPin;
use crate::secret::Passphrase;

impl Client {
    /// Changes the passphrase. Until the relay has switched to it in one step, the old one opens the account; from then on
    /// the new one does, and that it does was tried before.
    ///
    /// Other devices stay logged in; see [`Client::devices`] to end their sessions.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong old passphrase, [`Error::Usage`] for a new one that is too short. When
    /// [`Error::Network`] leaves open whether the change was made, one of the two opens the account.
    pub async fn change_passphrase(&self, old: &Passphrase, new: &Passphrase) -> Result<(), Error> {
        new.expect_new()?;
        let mut fresh = Fresh::new(self.shared(), old).await?;
        let changed = change(&mut fresh, new).await;
        fresh.end().await;
        changed
    }
}

async fn change(fresh: &mut Fresh, new: &Passphrase) -> Result<(), Error> {
    let (state, request) = opaque::start_registration(new)?;
    let started = fresh
        .api()
        .start_passphrase(
            fresh.token(),
            &PassphraseStart {
                registration_request: request.into(),
            },
        )
        .await?;
    let pin = fresh.opened().content.relay;
    let ksf = check_ksf(started.ksf, pin.ksf)?;
    let response = started.registration_response.0;
    let registered = opaque::finish_registration(state, new, response, ksf, &pin).await?;
    let pin = RelayPin {
        ksf: ksf.parameters(),
        ..pin
    };
    fresh.repin(pin);
    let slot_key = fresh.slot_key_of(&registered.export_key);
    let next = fresh.with_slot(&slot_key);
    let staged = fresh
        .stage(KeystoreStage {
            base_version: fresh.version(),
            keystore: next.to_bytes().into(),
            registration_upload: Some(registered.upload.to_vec().into()),
            recovery_login_key: None,
            signed_manifest: None,
        })
        .await?;
    let export_key = log_in_to_stage(fresh, &staged, new, pin, started.ksf).await?;
    let tried = fresh.reopen(staged, &fresh.slot_key_of(&export_key))?;
    fresh.switch(tried).await
}

/// Runs OPAQUE with the new passphrase against the staged record, as a new device would after the switch.
pub(super) async fn log_in_to_stage(
    fresh: &Fresh,
    staged: &Staged,
    new: &Passphrase,
    pin: RelayPin,
    ksf: sealpost_protocol::http::KsfParameters,
) -> Result<ExportKey, Error> {
    let (state, request) = opaque::start_login(new)?;
    let verified = fresh
        .api()
        .verify_staged(
            fresh.token(),
            &StagedVerify {
                stage_id: staged.view.stage_id.clone(),
                credential_request: request.into(),
            },
        )
        .await?;
    let ksf = check_ksf(ksf, pin.ksf)?;
    let proven = opaque::finish_login(state, new, verified.credential_response.0, ksf, &pin)
        .await
        .map_err(|error| match error {
            Error::NotAuthenticated(_) => {
                Error::alarm("the staged record does not open; nothing was changed")
            }
            other => other,
        })?;
    Ok(proven.export_key)
}
