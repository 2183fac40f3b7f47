use sealpost_protocol::ids::{AccountId, PrincipalId, SessionId};
use time::OffsetDateTime;

use super::{NewAuditEntry, Stored, StoredOr};
use crate::atrest::BlindIndexValue;

/// A new device's request to be stored.
pub struct NewDeviceRequest {
    /// Keyed hash of the token that its code derives.
    pub token_hash: BlindIndexValue,
    /// Keyed hash of the token that it keeps for itself.
    pub claim_hash: BlindIndexValue,
    /// Its one-time key and its name, sealed.
    pub device_sealed: Vec<u8>,
    /// Now.
    pub created_at: OffsetDateTime,
    /// From when on it is refused.
    pub expires_at: OffsetDateTime,
}

/// Why a request was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceRequestRefusal {
    /// As many as there may be wait already.
    TooMany,
    /// One of the tokens is another request's: a client with broken randomness, or somebody who has seen the code.
    Taken,
}

/// A request that nobody has approved yet.
pub struct DeviceRequestRow {
    /// Keyed hash of the token that the device keeps for itself.
    pub claim_hash: BlindIndexValue,
    /// Its one-time key and its name, sealed.
    pub device_sealed: Vec<u8>,
    /// When it asked.
    pub created_at: OffsetDateTime,
}

/// An approval to be stored.
pub struct NewApproval {
    /// Keyed hash of the token that the code derives.
    pub token_hash: BlindIndexValue,
    /// The account that lets the device in.
    pub account_id: AccountId,
    /// Its principal, as the approver's session has it.
    pub principal_id: PrincipalId,
    /// Version of its credentials that the approver proved.
    pub credential_version: u64,
    /// The session that the device will get.
    pub session_id: SessionId,
    /// What was sealed to the device, sealed.
    pub approval_sealed: Vec<u8>,
    /// Now.
    pub approved_at: OffsetDateTime,
}

/// What a device that asks finds.
pub enum ClaimedRequest {
    /// Nobody has approved it yet.
    Waiting,
    /// It was approved; the request goes when its session is stored.
    Approved(ApprovedRequestRow),
}

/// An approved request as it was stored.
pub struct ApprovedRequestRow {
    /// Keyed hash of the token that the code derives.
    pub token_hash: BlindIndexValue,
    /// Its one-time key and its name, sealed.
    pub device_sealed: Vec<u8>,
    /// The account that lets the device in.
    pub account_id: AccountId,
    /// Version of its credentials at the approval.
    pub credential_version: u64,
    /// The session that the device gets; none where a relay of before let it in.
    pub session_id: Option<SessionId>,
    /// What was sealed to the device, sealed.
    pub approval_sealed: Vec<u8>,
}

/// A device that was let in and has not come for its session yet.
pub struct ExpectedDeviceRow {
    /// Keyed hash of the token that the code derives.
    pub token_hash: BlindIndexValue,
    /// Keyed hash of the token that the device keeps for itself.
    pub claim_hash: BlindIndexValue,
    /// Its one-time key and its name, sealed.
    pub device_sealed: Vec<u8>,
    /// The session that it will get.
    pub session_id: SessionId,
    /// When it asked.
    pub created_at: OffsetDateTime,
    /// From when on it gets none.
    pub expires_at: OffsetDateTime,
}

/// New devices that wait to be let in.
pub trait ApprovalStore: Send + Sync {
    /// Stores a request, unless there are `most` of them.
    fn insert_device_request<'a>(
        &'a self,
        request: &'a NewDeviceRequest,
        most: u32,
    ) -> StoredOr<'a, (), DeviceRequestRefusal>;

    /// The request with that token, if it waits and is not past its time.
    fn device_request(
        &self,
        token_hash: BlindIndexValue,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<DeviceRequestRow>>;

    /// Stores an approval, once: `false` if there is no such request that waits, or no such account with this principal: the
    /// owner may have started over meanwhile, and who approves may have the old keys.
    fn approve_device_request<'a>(
        &'a self,
        approval: &'a NewApproval,
        audit: &'a NewAuditEntry,
    ) -> Stored<'a, bool>;

    /// What came of the request with that claim. None if there is none, or it is past its time.
    fn claim_device_request(
        &self,
        claim_hash: BlindIndexValue,
        now: OffsetDateTime,
    ) -> Stored<'_, Option<ClaimedRequest>>;

    /// The devices that an account has let in and that have not come yet, newest first.
    fn expected_devices(
        &self,
        account_id: AccountId,
        now: OffsetDateTime,
    ) -> Stored<'_, Vec<ExpectedDeviceRow>>;

    /// Deletes the request with that claim; `false` if there is none.
    fn delete_device_request(&self, claim_hash: BlindIndexValue) -> Stored<'_, bool>;
}
