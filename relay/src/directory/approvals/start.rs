//! The new device asks.

use std::net::IpAddr;

use sealpost_protocol::{
    http::{ApprovalClaim, ApprovalStart, ApprovalStarted},
    limits,
};

use super::{Device, Directory, DirectoryError, DirectorySettings};
use crate::{
    directory::{
        device_name,
        ports::{DeviceRequestRefusal, NewDeviceRequest},
        seals::fields,
    },
    store_failure::StoreError,
};

impl Directory {
    /// Keeps the request of a new device, for ten minutes.
    ///
    /// # Errors
    /// [`DirectoryError::Malformed`] for a name that cannot be shown and a key of another length;
    /// [`DirectoryError::RateLimited`]; [`DirectoryError::TooManyDeviceRequests`].
    pub async fn start_approval(
        &self,
        address: IpAddr,
        request: ApprovalStart,
    ) -> Result<ApprovalStarted, DirectoryError> {
        self.limits.registration(address)?;
        let device = check(request.hpke_key.0, request.device_name)?;
        let seals = self.seals.open().await?;
        let token_hash = seals.blind(fields::DEVICE_TOKEN, request.request_token.expose_bytes());
        let claim_hash = seals.blind(fields::DEVICE_CLAIM, request.claim_token.expose_bytes());
        let created_at = self.clock.now();
        let row = NewDeviceRequest {
            token_hash,
            claim_hash,
            device_sealed: device.seal(&seals, token_hash, claim_hash),
            created_at,
            expires_at: created_at + limits::DEVICE_CODE_FOR,
        };
        let most = DirectorySettings::DEVICE_REQUESTS;
        let stored = self.store.insert_device_request(&row, most).await;
        stored.map_err(refused)?;
        Ok(ApprovalStarted {
            expires_at: row.expires_at,
        })
    }

    /// Forgets a request, approved or not.
    ///
    /// # Errors
    /// [`DirectoryError::DeviceCodeInvalid`] where there is none any more.
    pub async fn withdraw_approval(
        &self,
        address: IpAddr,
        request: &ApprovalClaim,
    ) -> Result<(), DirectoryError> {
        self.limits.unless_failing(address, self.withdraw(request)).await
    }

    async fn withdraw(&self, request: &ApprovalClaim) -> Result<(), DirectoryError> {
        let seals = self.seals.open().await?;
        let claim_hash = seals.blind(fields::DEVICE_CLAIM, request.claim_token.expose_bytes());
        let is_deleted = self.store.delete_device_request(claim_hash).await?;
        is_deleted.then_some(()).ok_or(DirectoryError::DeviceCodeInvalid)
    }
}

fn refused(error: StoreError<DeviceRequestRefusal>) -> DirectoryError {
    match error {
        StoreError::Refused(DeviceRequestRefusal::TooMany) => DirectoryError::TooManyDeviceRequests,
        StoreError::Refused(DeviceRequestRefusal::Taken) => DirectoryError::Malformed("a token"),
        StoreError::Failed(failure) => failure.into(),
    }
}

fn check(hpke_key: Vec<u8>, name: String) -> Result<Device, DirectoryError> {
    device_name::check(&name)?;
    if hpke_key.len() != limits::HPKE_KEY {
        return Err(DirectoryError::Malformed("hpke_key"));
    }
    Ok(Device { hpke_key, name })
}
