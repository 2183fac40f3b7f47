//! A device that is logged in lets a new one in.

use sealpost_protocol::approval::DeviceRequest;
use sealpost_protocol::http::{ApprovalGrant, ApprovalLookup, ApprovalRequest};
use time::OffsetDateTime;

use super::DeviceCode;
use super::grant::Grant;
use crate::account::Proof;
use crate::account::staging::Fresh;
use crate::client::Client;
use crate::entropy;
use crate::error::{Error, printable};
use crate::secret::SecretKey;

/// How the session of an approval is listed for the moment it lasts.
const SESSION_NAME: &str = "approval of a new device";

/// A new device whose code was checked against what the relay has of it.
pub struct NewDevice {
    code: DeviceCode,
    hpke_key: Vec<u8>,
    name: String,
    asked_at: OffsetDateTime,
}

impl NewDevice {
    /// How the device calls itself. Anybody's device can call itself anything.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it asked, as the relay says.
    #[must_use]
    pub fn asked_at(&self) -> OffsetDateTime {
        self.asked_at
    }
}

impl Client {
    /// Finds the new device whose code was typed, and checks that it is the one whose screen showed it. Nothing is let in yet.
    ///
    /// # Errors
    /// [`Error::Usage`] for a code of another account, [`Error::Refused`] with `device_code_invalid` for one that is used up or
    /// too old, [`Error::Integrity`] when the relay shows another device than the code's.
    pub async fn new_device(&self, code: DeviceCode) -> Result<NewDevice, Error> {
        let shared = self.shared();
        if shared.owner.is_some() {
            return Err(Error::usage("an agent lets no devices in"));
        }
        if code.handle() != shared.handle {
            return Err(Error::usage(format!(
                "this code lets a device into the account {}, not into {}",
                code.handle(),
                shared.handle
            )));
        }
        let local = shared.local_account().await?;
        let question = ApprovalLookup {
            request_token: code.token(),
        };
        let shown = shared
            .api
            .look_up_approval(&local.session.token, &question)
            .await?;
        self.check(code, shown)
    }

    fn check(&self, code: DeviceCode, shown: ApprovalRequest) -> Result<NewDevice, Error> {
        let shared = self.shared();
        let request = DeviceRequest {
            origin: &shared.config.relay.origin(),
            handle: &shared.handle,
            device_name: &shown.device_name,
            hpke_key: &shown.hpke_key.0,
        };
        if request.hash() != *code.request() {
            return Err(Error::alarm(
                "the relay shows another device than the one whose code this is, or the code was made for another relay; \
                 nothing was let in",
            ));
        }
        Ok(NewDevice {
            code,
            name: printable(&shown.device_name),
            hpke_key: shown.hpke_key.0,
            asked_at: shown.created_at,
        })
    }

    /// Lets it in: it gets the keystore's root key, sealed to it alone, and a session of its own. Asks for the passphrase or the
    /// recovery code, so that an unlocked device alone, or a stolen session, makes itself no second one.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a wrong proof; [`Error::Refused`] with `device_code_invalid` when the code was used
    /// meanwhile. When [`Error::Network`] leaves open whether it was let in, [`Client::devices`] tells.
    pub async fn approve_device(&self, device: &NewDevice, proof: Proof<'_>) -> Result<(), Error> {
        let shared = self.shared();
        let fresh = match proof {
            Proof::Passphrase(passphrase) => Fresh::named(shared, SESSION_NAME, passphrase).await?,
            Proof::RecoveryCode(code) => Fresh::by_code(shared, SESSION_NAME, code).await?,
        };
        let granted = self.grant(&fresh, device).await;
        fresh.end().await;
        granted
    }

    async fn grant(&self, fresh: &Fresh, device: &NewDevice) -> Result<(), Error> {
        let opened = fresh.opened();
        let grant = Grant {
            origin: self.shared().config.relay.origin(),
            handle: self.shared().handle.clone(),
            account_id: fresh.account_id(),
            principal_id: opened.content.identity.id(),
            request: *device.code.request(),
            root_key: SecretKey::from(*opened.root_key.expose_bytes()),
            generation: fresh.generation(),
        };
        let owner = &opened.content.identity;
        let sealed = grant.seal(owner, &device.code, &device.hpke_key, &mut entropy::system());
        let sealed =
            sealed.ok_or_else(|| Error::usage("the new device's key is none; show a new code there"))?;
        let grant = ApprovalGrant {
            request_token: device.code.token(),
            sealed_approval: sealed.into(),
        };
        let granted = fresh.api().grant_approval(fresh.token(), &grant).await;
        granted.map_err(unanswered)
    }
}

/// The relay may have taken the approval before its answer was lost.
fn unanswered(error: Error) -> Error {
    match error {
        Error::Network(cause) => Error::Network(format!(
            "{cause}; the device may have been let in all the same: look at the list of devices"
        )),
        other => other,
    }
}
