//! A device that is logged in lets the new one in.

use sealpost_protocol::{
    http::ApprovalGrant,
    ids::{AccountId, SessionId},
    limits,
};

use super::{AuthenticatedSession, Directory, DirectoryError};
use crate::{
    atrest::BlindIndexValue,
    directory::{
        ports::{AuditAction, NewApproval},
        seals::{columns, fields},
    },
};

impl Directory {
    /// Keeps what the caller sealed to the new device, for it to fetch with a session of the caller's account, as long as the
    /// credentials that the caller proved are the account's. That session is listed from here on, and can be ended before the
    /// device comes for it. Asks for a fresh login: a stolen session must not make itself
    /// another one that outlives it.
    ///
    /// # Errors
    /// [`DirectoryError::FreshLoginRequired`]; [`DirectoryError::DeviceCodeInvalid`] as in a look-up;
    /// [`DirectoryError::TooLarge`]; [`DirectoryError::RateLimited`].
    pub async fn grant_approval(
        &self,
        caller: &AuthenticatedSession,
        request: &ApprovalGrant,
    ) -> Result<(), DirectoryError> {
        let account_id = caller.account_id();
        self.limits.change(account_id)?;
        let credential_version = self.require_fresh(caller)?;
        let approval = check(&request.sealed_approval.0)?;
        let seals = self.seals.open().await?;
        let token_hash = seals.blind(fields::DEVICE_TOKEN, request.request_token.expose_bytes());
        let row_key = approval_key(token_hash, account_id, credential_version);
        let row = NewApproval {
            token_hash,
            account_id,
            principal_id: caller.principal_id(),
            credential_version,
            session_id: SessionId::new(self.random_bytes()),
            approval_sealed: seals.seal(columns::APPROVAL, &row_key, approval),
            approved_at: self.clock.now(),
        };
        let audit = self.audit_entry(&seals, Some(account_id), AuditAction::DeviceApproved, None);
        let is_stored = self.store.approve_device_request(&row, &audit).await?;
        is_stored.then_some(()).ok_or(DirectoryError::DeviceCodeInvalid)
    }
}

/// Binds the approval to all that decides whose session comes of it.
pub(super) fn approval_key(
    token: BlindIndexValue,
    account_id: AccountId,
    credential_version: u64,
) -> Vec<u8> {
    let version = credential_version.to_be_bytes();
    [&token.as_bytes()[..], account_id.as_bytes(), &version].concat()
}

fn check(approval: &[u8]) -> Result<&[u8], DirectoryError> {
    if approval.is_empty() {
        return Err(DirectoryError::Malformed("sealed_approval"));
    }
    if approval.len() > limits::MAX_APPROVAL {
        return Err(DirectoryError::TooLarge {
            part: "sealed_approval",
            limit: limits::MAX_APPROVAL,
        });
    }
    Ok(approval)
}
