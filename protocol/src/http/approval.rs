use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Base64Bytes, LoggedIn, SecretToken};

/// A new device asks to be let in. It names no account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalStart {
    /// Derived from the device's code, see `SPEC.md`: who has the code finds the request by it.
    pub request_token: SecretToken,
    /// 32 random bytes that only the new device has: they fetch what comes of the request.
    pub claim_token: SecretToken,
    /// The device's one-time X-Wing public key, 1,216 bytes.
    pub hpke_key: Base64Bytes,
    /// How the device calls itself.
    pub device_name: String,
}

/// Answer to [`ApprovalStart`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalStarted {
    /// From when on the request is gone.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// The new device asks what came of its request, or takes it back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalClaim {
    /// From [`ApprovalStart`].
    pub claim_token: SecretToken,
}

/// Answer to [`ApprovalClaim`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalClaimed {
    /// What the device gets once it is approved, given out once; none as long as it has to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<ApprovedDevice>,
}

/// A new device that was let in.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovedDevice {
    /// What the approver sealed to the device's one-time key.
    pub sealed_approval: Base64Bytes,
    /// The device's session.
    pub login: LoggedIn,
}

/// A device that is logged in asks whose code it was given.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalLookup {
    /// Derived from the code.
    pub request_token: SecretToken,
}

/// What a new device said of itself. To be checked against the code before anything is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalRequest {
    /// The device's one-time X-Wing public key, 1,216 bytes.
    pub hpke_key: Base64Bytes,
    /// How the device calls itself.
    pub device_name: String,
    /// When it asked.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// Lets a new device in; needs a fresh login.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalGrant {
    /// Derived from the code.
    pub request_token: SecretToken,
    /// Sealed to the device's one-time key, see `SPEC.md`; at most 4,096 bytes.
    pub sealed_approval: Base64Bytes,
}
