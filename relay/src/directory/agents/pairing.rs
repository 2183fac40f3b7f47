//! The owner's half of pairing: lets one agent in, for a short time.

use std::time::Duration;

use sealpost_protocol::http::{PairingStart, PairingStarted};

use super::{AuthenticatedSession, Directory, DirectoryError, DirectorySettings};
use crate::{
    directory::{
        device_name,
        ports::{AuditAction, NewPairingCode, PairingRefusal},
        seals::{columns, fields},
    },
    store_failure::StoreError,
};

impl Directory {
    /// Keeps what the caller's pairing code derives, for as long as the caller's session lasts; of the open codes of an
    /// account the newest stay. Asked twice, it answers twice alike.
    ///
    /// # Errors
    /// [`DirectoryError::Malformed`] for a name that cannot be shown, a lifetime out of bounds and somebody else's token;
    /// [`DirectoryError::RateLimited`].
    pub async fn begin_pairing(
        &self,
        caller: &AuthenticatedSession,
        request: &PairingStart,
    ) -> Result<PairingStarted, DirectoryError> {
        self.limits.change(caller.account_id())?;
        let name = device_name::check_part("name", &request.name)?;
        let lifetime = check_lifetime(request.lifetime_seconds)?;
        let seals = self.seals.open().await?;
        let token_hash = seals.blind(fields::PAIRING_TOKEN, request.pairing_token.expose_bytes());
        let created_at = self.clock.now();
        let code = NewPairingCode {
            token_hash,
            account_id: caller.account_id(),
            session_id: caller.session_id(),
            name_sealed: seals.seal(columns::PAIRING_NAME, token_hash.as_bytes(), name.as_bytes()),
            created_at,
            expires_at: created_at + lifetime,
        };
        let audit = self.audit_entry(&seals, Some(caller.account_id()), AuditAction::PairingBegun, None);
        let kept = DirectorySettings::PAIRING_CODES_PER_ACCOUNT;
        let stored = self.store.insert_pairing_code(&code, kept, &audit).await;
        Ok(PairingStarted {
            expires_at: stored.map_err(refused)?,
        })
    }
}

fn refused(error: StoreError<PairingRefusal>) -> DirectoryError {
    match error {
        StoreError::Refused(PairingRefusal::SessionEnded) => DirectoryError::NotAuthenticated,
        StoreError::Refused(PairingRefusal::TokenTaken) => DirectoryError::Malformed("pairing_token"),
        StoreError::Failed(failure) => failure.into(),
    }
}

fn check_lifetime(seconds: u32) -> Result<Duration, DirectoryError> {
    let lifetime = Duration::from_secs(seconds.into());
    let is_valid = !lifetime.is_zero() && lifetime <= DirectorySettings::PAIR_WITHIN;
    is_valid
        .then_some(lifetime)
        .ok_or(DirectoryError::Malformed("lifetime_seconds"))
}
