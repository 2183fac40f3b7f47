//! A device that is logged in looks whose code it was given.

use sealpost_protocol::http::{ApprovalLookup, ApprovalRequest};

use super::{AuthenticatedSession, Device, Directory, DirectoryError};
use crate::directory::seals::fields;

impl Directory {
    /// What the new device with this code said of itself.
    ///
    /// # Errors
    /// [`DirectoryError::DeviceCodeInvalid`] for a code that is unknown, used, withdrawn or past its time, and for one that was
    /// approved already; [`DirectoryError::RateLimited`].
    pub async fn look_up_approval(
        &self,
        caller: &AuthenticatedSession,
        request: &ApprovalLookup,
    ) -> Result<ApprovalRequest, DirectoryError> {
        self.limits.change(caller.account_id())?;
        let seals = self.seals.open().await?;
        let token_hash = seals.blind(fields::DEVICE_TOKEN, request.request_token.expose_bytes());
        let row = self.store.device_request(token_hash, self.clock.now()).await?;
        let row = row.ok_or(DirectoryError::DeviceCodeInvalid)?;
        let device = Device::open(&seals, token_hash, row.claim_hash, &row.device_sealed)?;
        Ok(ApprovalRequest {
            hpke_key: device.hpke_key.into(),
            device_name: device.name,
            created_at: row.created_at,
        })
    }
}
