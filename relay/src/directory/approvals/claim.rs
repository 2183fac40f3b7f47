//! The new device asks what came of it.

use std::net::IpAddr;

use sealpost_protocol::http::{ApprovalClaim, ApprovalClaimed, ApprovedDevice};

use super::{Device, Directory, DirectoryError, grant::approval_key};
use crate::{
    atrest::BlindIndexValue,
    directory::{
        attempts::Subject,
        login::Entry,
        ports::{ApprovedRequestRow, AuditAction, ClaimedRequest},
        seals::{OpenSeals, columns, fields},
    },
};

impl Directory {
    /// Gives out what was sealed to the device, with a session, once; or says that nobody has approved it yet.
    ///
    /// # Errors
    /// [`DirectoryError::DeviceCodeInvalid`] where there is no such request, it is past its time, the approval was taken back, or
    /// the approver's credentials were changed since; [`DirectoryError::AccountDisabled`].
    pub async fn claim_approval(
        &self,
        address: IpAddr,
        request: &ApprovalClaim,
    ) -> Result<ApprovalClaimed, DirectoryError> {
        self.limits.unless_failing(address, self.claim(request)).await
    }

    async fn claim(&self, request: &ApprovalClaim) -> Result<ApprovalClaimed, DirectoryError> {
        let seals = self.seals.open().await?;
        let claim_hash = seals.blind(fields::DEVICE_CLAIM, request.claim_token.expose_bytes());
        let claimed = self
            .store
            .claim_device_request(claim_hash, self.clock.now())
            .await?;
        let approved = match claimed.ok_or(DirectoryError::DeviceCodeInvalid)? {
            ClaimedRequest::Waiting => None,
            ClaimedRequest::Approved(row) => Some(self.let_in(&seals, claim_hash, &row).await?),
        };
        Ok(ApprovalClaimed { approved })
    }

    async fn let_in(
        &self,
        seals: &OpenSeals,
        claim_hash: BlindIndexValue,
        row: &ApprovedRequestRow,
    ) -> Result<ApprovedDevice, DirectoryError> {
        let device = Device::open(seals, row.token_hash, claim_hash, &row.device_sealed)?;
        let row_key = approval_key(row.token_hash, row.account_id, row.credential_version);
        let approval = seals.open(columns::APPROVAL, &row_key, &row.approval_sealed)?;
        let entry = Entry {
            subject: Subject {
                account_id: row.account_id,
                credential_version: row.credential_version,
            },
            device_name: device.name,
            action: AuditAction::LoggedInByApproval,
            session_id: row.session_id,
            claim_hash: Some(claim_hash),
        };
        let login = match self.enter(seals, entry).await {
            Err(DirectoryError::LoginFailed) => return self.give_nothing_out(claim_hash).await,
            login => login?,
        };
        Ok(ApprovedDevice {
            sealed_approval: approval.to_vec().into(),
            login,
        })
    }

    async fn give_nothing_out<T>(&self, claim_hash: BlindIndexValue) -> Result<T, DirectoryError> {
        self.store.delete_device_request(claim_hash).await?;
        Err(DirectoryError::DeviceCodeInvalid)
    }
}
