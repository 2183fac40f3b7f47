//! New devices that are let in by one that is logged in.

use sealpost_protocol::http::{
    ApprovalClaim, ApprovalClaimed, ApprovalGrant, ApprovalLookup, ApprovalRequest, ApprovalStart,
    ApprovalStarted, SecretToken, paths,
};

use super::Api;
use crate::error::Error;

impl Api {
    pub(crate) async fn start_approval(&self, body: &ApprovalStart) -> Result<ApprovalStarted, Error> {
        self.post(paths::APPROVAL_START, None, body).await
    }

    pub(crate) async fn claim_approval(&self, body: &ApprovalClaim) -> Result<ApprovalClaimed, Error> {
        self.post(paths::APPROVAL_CLAIM, None, body).await
    }

    pub(crate) async fn withdraw_approval(&self, body: &ApprovalClaim) -> Result<(), Error> {
        self.post_for_nothing(paths::APPROVAL_WITHDRAW, None, body).await
    }

    pub(crate) async fn look_up_approval(
        &self,
        session: &SecretToken,
        body: &ApprovalLookup,
    ) -> Result<ApprovalRequest, Error> {
        self.post(paths::APPROVAL_LOOKUP, Some(session), body).await
    }

    pub(crate) async fn grant_approval(
        &self,
        session: &SecretToken,
        body: &ApprovalGrant,
    ) -> Result<(), Error> {
        self.post_for_nothing(paths::APPROVAL_GRANT, Some(session), body)
            .await
    }
}
